//go:build unix && !linux

package sandbox

// Available says why builds cannot be sandboxed here.
func Available() error { return ErrUnsupported }

// Start fails: there is no sandbox on this system.
func (r *Room) Start(*Spec) (*Process, error) { return nil, ErrUnsupported }

// Libraries is of use to sandboxes alone.
func Libraries(string) []Bind { return nil }
