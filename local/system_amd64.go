package local

import "golang.org/x/sys/cpu"

// microarchitectures lists the levels of x86-64 that this processor meets,
// as systems.
func microarchitectures() []string {
	x := &cpu.X86
	out := []string{"x86_64-v1-linux"}
	if !(x.HasCX16 && x.HasPOPCNT && x.HasSSE3 && x.HasSSE41 && x.HasSSE42 && x.HasSSSE3) {
		return out
	}
	out = append(out, "x86_64-v2-linux")
	if !(x.HasAVX && x.HasAVX2 && x.HasBMI1 && x.HasBMI2 && x.HasFMA && x.HasOSXSAVE) {
		return out
	}
	out = append(out, "x86_64-v3-linux")
	if !(x.HasAVX512F && x.HasAVX512BW && x.HasAVX512CD && x.HasAVX512DQ && x.HasAVX512VL) {
		return out
	}
	return append(out, "x86_64-v4-linux")
}
