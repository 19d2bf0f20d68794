//go:build unix

package realise

import "github.com/seed192a40f6/glang/store/storepath"

// EventKind says what happened.
type EventKind uint8

// What happens. Each comment names the fields of Event that are set besides
// Drv or Path.
const (
	BuildStarted      EventKind = iota // Text: what the reference would print, "building '…'"
	BuildExec                          // Text: "executing builder '…'"
	BuildLine                          // Text: one line of the log
	BuildPhase                         // Text: the phase that the builder says it is in
	BuildDone                          // Err: nil or why it failed
	BuildWaiting                       // Text: what for
	SubstituteStarted                  // Text: "copying path '…' from '…'"
	SubstituteBytes                    // Done, Total: bytes; Total 0: unknown
	SubstituteDone                     // Err
	DownloadStarted                    // Text: the address
	DownloadBytes                      // Done, Total
	DownloadDone                       // Err
	Message                            // Text: to be shown as it is ("note: …")
	Warning                            // Text: to be shown after "warning: "
	Failure                            // Err: of something that others waited for, to be shown as an error
	Counts                             // Builds, Substitutions
)

// An Event tells of progress.
type Event struct {
	Kind EventKind
	Drv  storepath.Path // the derivation concerned
	Path storepath.Path // the path concerned
	Text string
	Err  error

	Done, Total           int64
	Builds, Substitutions Count
}

// Count counts tasks of one kind.
type Count struct{ Done, Running, Failed, Total int }
