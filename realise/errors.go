//go:build unix

package realise

import (
	"errors"
	"fmt"
	"strings"
	"syscall"

	"github.com/seed192a40f6/glang/store/hash"
	"github.com/seed192a40f6/glang/store/storepath"
)

// FailureKind says in what way a build failed.
type FailureKind uint8

// The ways to fail.
const (
	BuilderFailed     FailureKind = iota // with an exit status or signal
	TransientFailure                     // as before, but may go well another time
	DependencyFailed                     // something that it needs
	OutputRejected                       // built, but not what it should be
	HashMismatch                         // a fixed output with another hash
	TimedOut                             // silent or running for too long
	LogLimitExceeded                     // too talkative
	NotDeterministic                     // built again, with other contents
	InputRejected                        // not for this machine
	SubstitutesFailed                    // a substituter failed, and building was not asked for
)

// A BuildError says why a derivation could not be built.
type BuildError struct {
	Kind    FailureKind
	Drv     storepath.Path
	Message string // whole text, several lines
	Cause   error

	Exit    int            // of the builder; -1 if a signal ended it or it never ran
	Signal  syscall.Signal // that ended it, or 0
	LogTail []string       // its last lines
	KeptDir string         // where the build directory was left, or ""

	Wanted, Got hash.Hash // of a HashMismatch
	// GotPath is where a HashMismatch's contents are, valid under their own
	// hash, or differing contents of a NotDeterministic were left.
	GotPath string
}

func (e *BuildError) Error() string { return e.Message }

// Unwrap gives the cause.
func (e *BuildError) Unwrap() error { return e.Cause }

// ManyFailed says that several targets failed.
type ManyFailed struct {
	Targets []string
	Errs    []error
}

func (e *ManyFailed) Error() string {
	return "build of " + quoteAll(e.Targets) + " failed"
}

// Unwrap gives the errors of the targets.
func (e *ManyFailed) Unwrap() []error { return e.Errs }

func quoteAll(l []string) string {
	q := make([]string, len(l))
	for i, s := range l {
		q[i] = "'" + s + "'"
	}
	return strings.Join(q, ", ")
}

// ExitStatus is the exit status with which the reference reports err: 100 for
// a failed build, with bits for time-outs, wrong hashes and nondeterminism.
func ExitStatus(err error) int {
	mask := 0
	var visit func(error)
	visit = func(err error) {
		var b *BuildError
		var many *ManyFailed
		switch {
		case errors.As(err, &many):
			for _, e := range many.Errs {
				visit(e)
			}
		case errors.As(err, &b):
			switch b.Kind {
			case TimedOut:
				mask |= 0x04 | 0x01
			case HashMismatch:
				mask |= 0x04 | 0x02
			case NotDeterministic:
				mask |= 0x08
			case BuilderFailed, InputRejected:
				mask |= 0x04
			case DependencyFailed:
				if b.Cause != nil {
					visit(b.Cause)
				}
			}
		}
	}
	visit(err)
	if mask == 0 {
		return 1
	}
	return mask | 0x60
}

func (r *Realiser) failf(kind FailureKind, drv storepath.Path, format string, args ...any) *BuildError {
	return &BuildError{Kind: kind, Drv: drv, Exit: -1, Message: fmt.Sprintf(format, args...)}
}
