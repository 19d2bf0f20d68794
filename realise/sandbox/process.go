//go:build unix

package sandbox

import (
	"errors"
	"io"
	"os"
	"syscall"
)

// Direct describes a build without a sandbox.
type Direct struct {
	Dir  string // working directory
	Path string
	Args []string
	Env  []string
}

// StartDirect runs a builder on the bare machine, in a session of its own.
// What it leaves running in that session's process group ends with it.
func StartDirect(d *Direct) (*Process, error) {
	p := &Process{group: true}
	child, err := p.openOutput()
	if err != nil {
		return nil, err
	}
	defer child.Close()
	null, err := os.Open(os.DevNull)
	if err != nil {
		return nil, errors.Join(err, p.Output.Close())
	}
	defer null.Close()
	p.proc, err = os.StartProcess(d.Path, d.Args, &os.ProcAttr{
		Dir: d.Dir, Env: d.Env, Files: []*os.File{null, child, child},
		Sys: directAttr(),
	})
	if err != nil {
		p.Output.Close()
		var errno syscall.Errno
		if errors.As(err, &errno) {
			err = &ExecError{d.Path, errno}
		}
		return nil, err
	}
	return p, nil
}

// Wait waits for the end of the build. It fails with a *SetupError if the
// sandbox could not be set up, and with an *ExecError if there is no such
// builder. The caller reads Output to its end first.
func (p *Process) Wait() (Status, error) {
	var complaint []byte
	if p.setup != nil {
		complaint, _ = io.ReadAll(p.setup) // ends with the builder's start or death
		p.setup.Close()
	}
	state, err := p.proc.Wait()
	p.endHelper()
	memory, processes := p.limits.hits()
	p.limits.remove()
	if p.group {
		_ = syscall.Kill(-p.proc.Pid, syscall.SIGKILL) // ESRCH: none left
	}
	if err != nil {
		return Status{}, err
	}
	if len(complaint) > 0 {
		return Status{}, p.explain(complaint)
	}
	ws, _ := state.Sys().(syscall.WaitStatus)
	return Status{WaitStatus: ws, User: state.UserTime(), System: state.SystemTime(),
		OverMemory: memory, OverProcesses: processes}, nil
}

// Kill ends every process of the build.
func (p *Process) Kill() {
	if p.group {
		_ = syscall.Kill(-p.proc.Pid, syscall.SIGKILL)
	}
	_ = p.proc.Kill() // pid 1 of its namespace takes all others with it; fails only when gone
}

// endHelper ends what served the build from outside.
func (p *Process) endHelper() {
	if p.helper != nil {
		_ = p.helper.Kill() // fails only when gone
		p.helper = nil
	}
}
