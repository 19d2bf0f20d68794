package local

import (
	"fmt"

	"github.com/klauspost/cpuid/v2"
)

// microarchitectures lists the levels of x86-64 that this processor meets,
// as systems.
func microarchitectures() []string {
	var out []string
	for level := 1; level <= max(1, cpuid.CPU.X64Level()); level++ {
		out = append(out, fmt.Sprintf("x86_64-v%d-linux", level))
	}
	return out
}
