package main

import (
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"syscall"

	"github.com/seed192a40f6/glang/local"
)

// oldFlags are those that every old tool accepts.
func (a *app) oldFlags() *flagSet {
	f := a.commonFlags()
	set := func(name, setting, value, doc string) {
		f.call(name, doc, nil, func([]string) error { return a.settings.Set(setting, value) })
	}
	f.call("no-build-output,Q", "do not show the output of builds", nil, func([]string) error {
		a.noBuildOutput = true
		return nil
	})
	set("keep-failed,K", "keep-failed", "true", "keep the directories of failed builds")
	set("keep-going,k", "keep-going", "true", "go on after a failure")
	set("fallback", "fallback", "true", "build if substitution fails")
	for _, name := range []string{"cores", "max-silent-time", "timeout"} {
		f.call(name, "see the setting", []string{"n"}, func(w []string) error {
			n, ok := local.ParseSize(w[0])
			if !ok {
				return usagef("'%s' is not an integer", w[0])
			}
			return a.settings.Set(name, strconv.FormatUint(n, 10))
		})
	}
	f.boolean(&a.readOnly, "readonly-mode", "do not write to the store")
	f.boolean(&a.noGCWarn, "no-gc-warning", "do not warn about a missing --add-root")
	f.text(&a.storeURI, "store", "store-uri", "the store to use")
	return f
}

// parseOld reads the configuration, then the flags of an old tool, and
// handles --help and --version: done then.
func (a *app) parseOld(f *flagSet, args []string) (done bool, err error) {
	if err := a.load(); err != nil {
		return false, err
	}
	help, version := false, false
	f.boolean(&help, "help", "show this help")
	f.boolean(&version, "version", "show the version")
	err = f.parse(args)
	switch {
	case version:
		return true, a.printVersion()
	case help:
		name := toolName(a.program)
		p := toolPages[name]
		return true, a.showMan(name, manPage(name, p.short, p.synopsis, p.description, f))
	case err != nil:
		return false, err
	}
	if err := a.openJSONLogs(); err != nil {
		return false, err
	}
	a.settings.WarnUnknown()
	return false, f.checkFeatures()
}

// sysError words a failed system call as the reference does:
// "opening file 'x': No such file or directory".
func sysError(doing, name string, err error) error {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return fmt.Errorf("%s '%s': %w", doing, name, &errnoError{errno})
	}
	var pe *fs.PathError
	if errors.As(err, &pe) {
		err = pe.Err
	}
	return fmt.Errorf("%s '%s': %w", doing, name, err)
}

// errnoError shows an errno with a capital letter, as the C library does.
type errnoError struct{ errno syscall.Errno }

func (e *errnoError) Error() string {
	s := e.errno.Error()
	return strings.ToUpper(s[:1]) + s[1:]
}

func (e *errnoError) Unwrap() error { return e.errno }
