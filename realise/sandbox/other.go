//go:build !linux

package sandbox

// Available says why builds cannot be sandboxed here.
func Available() error { return ErrUnsupported }

// Init has nothing to take over on this system.
func Init() {}

// Start fails: there is no sandbox on this system.
func Start(*Spec) (*Process, error) { return nil, ErrUnsupported }

// Libraries is of use to sandboxes alone.
func Libraries(string) []Bind { return nil }
