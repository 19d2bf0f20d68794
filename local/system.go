package local

import (
	"os"
	"slices"
)

// systemFeatures are the features that this machine offers to builds.
func systemFeatures() []string {
	f := []string{"benchmark", "big-parallel", "nixos-test", "uid-range"}
	if kvm, err := os.OpenFile("/dev/kvm", os.O_RDWR, 0); err == nil {
		kvm.Close()
		f = append(f, "kvm")
	}
	slices.Sort(f)
	return f
}

// extraPlatforms are further systems whose programs run here.
func extraPlatforms() []string {
	if ThisSystem() == "x86_64-linux" {
		return append([]string{"i686-linux"}, microarchitectures()...)
	}
	return nil
}
