//go:build !linux

package main

func physicalMemory() uint64 { return 0 }
