//go:build !amd64

package local

func microarchitectures() []string { return nil }
