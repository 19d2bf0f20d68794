// Package sandbox runs one builder apart from the machine it runs on.
//
// A build runs in a Room, a private directory on the host, with the
// directories build (its working directory), tmp and store (an empty store
// directory, into which the builder writes its outputs). On Linux a new process
// is made pid 1 of new user, mount, pid, network, ipc, uts and cgroup
// namespaces; it assembles a root from a tmpfs, those directories, the inputs
// (read-only) and a few device nodes, moves into it, gives up every capability
// and becomes the builder. So the builder is pid 1, and with it ends every
// process of the build: when Wait returns there is none left. It is uid 1000
// and gid 100, has loopback and no other network, and sees nothing else.
//
// Nothing here needs root. An ordinary user's builds run as that user. Root's
// run as a host uid that nobody has, one for each build, lest the builder own
// what root owns, the kernel's settings in /proc/sys among them.
//
// The package knows nothing of derivations or of the store's database: it is
// told names of directories.
package sandbox

import (
	"errors"
	"os"
	"strings"
	"syscall"
	"time"
)

// ErrUnsupported says that this system has no sandbox at all.
var ErrUnsupported = errors.New("no sandbox on this system")

// Inside the sandbox.
const (
	BuildDir = "/build" // where the room's build appears; the working directory
	UID      = 1000     // the builder's user
	GID      = 100      // the builder's group
)

// Network says what a builder may reach.
type Network uint8

const (
	Loopback Network = iota // only itself
	UserMode                // the outside, through a user-mode network of its own: Spec.Pasta
)

// A Bind makes a path of the host appear in the sandbox, read-only.
type Bind struct {
	Source   string // on the host, absolute
	Target   string // in the sandbox, absolute
	Optional bool   // a missing Source is skipped
	Writable bool
	Link     bool // show a symbolic link as what it is, not what it leads to
}

// A File is written into the sandbox's root.
type File struct {
	Path, Content string
}

// A Spec describes one build.
type Spec struct {
	StoreDir  string   // the store's name inside, e.g. /nix/store
	RealStore string   // the store's directory on the host
	Inputs    []string // base names in the store that the builder sees
	Binds     []Bind   // further paths
	Files     []File   // further files, in directories that exist or are made
	Shell     string   // host path of the program to be /bin/sh; empty: none

	Path string   // program to run, as seen inside
	Args []string // with Args[0]
	Env  []string

	Platform           string // system of the build, e.g. i686-linux, for the personality
	Network            Network
	Pasta              string // the program of this name, for UserMode
	ShmSize            string // of /dev/shm, as tmpfs takes it; empty: 50%
	AllowNewPrivileges bool
	NoSyscallFilter    bool
	Limits             Limits
}

// Limits bound a whole build; zero is no limit. Where this user has no control
// groups they bound the data of each process, and the processes of the user that
// the build runs as.
type Limits struct {
	MemoryBytes uint64
	Processes   uint64
}

// A Process is a running build.
type Process struct {
	// Output is what the builder writes to its standard output and error.
	// A read fails with io.EOF or EIO when no process holds it any more.
	Output *os.File
	// Offline says why a UserMode build has no network, if it has none.
	Offline error

	proc    *os.Process
	setup   *os.File           // where a failure before the builder's start is reported; closed by that
	explain func([]byte) error // such a report
	helper  *os.Process        // of the network, or nil
	limits  *group             // or nil
	group   bool               // not a namespace: signal the process group
}

// A Status tells how a builder ended and what it used.
type Status struct {
	syscall.WaitStatus
	User, System time.Duration

	// OverMemory and OverProcesses tell that limits were passed, as far as
	// that can be known.
	OverMemory, OverProcesses bool
}

// OK says whether the builder exited with status 0.
func (s Status) OK() bool { return s.Exited() && s.ExitStatus() == 0 }

// A SetupError is a failure to set the build environment up: the builder never ran.
type SetupError struct{ Message string }

func (e *SetupError) Error() string { return "while setting up the build environment: " + e.Message }

// An ExecError says that the builder could not be executed.
type ExecError struct {
	Path  string
	Errno syscall.Errno
}

func (e *ExecError) Error() string {
	text := e.Errno.Error() // the C library begins its texts with a capital
	return "executing '" + e.Path + "': " + strings.ToUpper(text[:1]) + text[1:]
}

// Unwrap gives the system's reason.
func (e *ExecError) Unwrap() error { return e.Errno }
