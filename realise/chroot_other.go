//go:build unix && !linux

package realise

import "fmt"

// RunInStore needs mount namespaces.
func RunInStore(storeDir, _ string, _, _ []string) (status int, err error) {
	return 0, fmt.Errorf("mounting the store on '%s' is not supported on this platform", storeDir)
}
