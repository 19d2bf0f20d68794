//go:build unix && !linux

package sandbox

import "os"

// openOutput makes the pipe that a build's output comes through.
func (p *Process) openOutput() (child *os.File, err error) {
	p.Output, child, err = os.Pipe()
	return child, err
}
