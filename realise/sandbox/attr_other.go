//go:build unix && !linux

package sandbox

import "syscall"

func directAttr() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setsid: true} }
