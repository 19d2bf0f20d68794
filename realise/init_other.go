//go:build unix && !linux

package realise

// Init has nothing to take over on a system without sandboxes.
func Init() {}
