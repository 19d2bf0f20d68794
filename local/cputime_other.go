//go:build !unix

package local

import "time"

var began = time.Now()

// cpuTime is the time that has passed: the processor's is not to be had here.
func cpuTime() time.Duration { return time.Since(began) }
