//go:build unix

package local

import (
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/seed192a40f6/glang/fetch"
	"github.com/seed192a40f6/glang/lang/ast"
	"github.com/seed192a40f6/glang/lang/builtins"
	"github.com/seed192a40f6/glang/lang/eval"
	"github.com/seed192a40f6/glang/lang/flakeref"
)

// LockFlags say what a command does about the lock file of a flake. The zero
// value writes one where it is missing or out of date.
type LockFlags struct {
	builtins.LockOptions
	// NoWrite leaves the lock file as it is, NoUpdate fails if it has to change.
	NoWrite, NoUpdate bool
	// Commit commits it, with Summary as the first line of the message; "": one
	// that names the file.
	Commit  bool
	Summary string
	// Reference is a file to take locks from, Output one to write, in place of
	// the flake's own.
	Reference, Output string
	// FailUnlocked fails where an input cannot be locked, which else is a warning;
	// AllowDirty takes a hash of the contents for enough.
	FailUnlocked, AllowDirty bool
	// WarnDirty warns where an input cannot be locked.
	WarnDirty bool
	// Colour marks changes.
	Colour bool
	// Configure is told of the settings that the flake asks for.
	Configure func(name, value string) error
	// Warn is told what is done.
	Warn func(text string)
}

// LockFlake reads a flake, locks its inputs and sees to it that the lock file
// says so. It runs within Do.
func LockFlake(m *eval.Machine, ref flakeref.Ref, flags *LockFlags) *builtins.LockedFlake {
	o := flags.LockOptions
	if flags.Reference != "" {
		text, err := os.ReadFile(flags.Reference)
		if err == nil {
			o.Old, err = flakeref.ParseLock(text, flags.Reference, flags.Warn)
		}
		if err != nil {
			m.FailErr(ast.NoPos, err)
		}
	}
	var f *builtins.LockedFlake
	if failed := m.Catch(func() { f = builtins.LockFlake(m, ref, o) }); failed != nil {
		name := path.Join(ref.Dir, "flake.nix")
		if dir, ok := fetch.Untracked(m.Context(), ref.Input, name); ok {
			m.FailErr(ast.NoPos, fmt.Errorf("Path '%[1]s' in the repository \"%[2]s\" is not tracked by Git.\n\n"+
				"To make it visible to Nix, run:\n\ngit -C \"%[2]s\" add \"%[1]s\"", name, dir))
		}
		failed.Throw()
	}
	for _, name := range slices.Sorted(maps.Keys(f.Config)) {
		if flags.Configure == nil {
			break
		}
		if err := flags.Configure(name, f.Config[name]); err != nil {
			m.FailErr(ast.NoPos, err)
		}
	}
	if !f.Changed() && flags.Output == "" {
		return f
	}
	if err := flags.settle(m, f); err != nil {
		m.FailErr(ast.NoPos, err)
	}
	return f
}

// settle deals with a lock file that has to change.
func (flags *LockFlags) settle(m *eval.Machine, f *builtins.LockedFlake) error {
	what, err := f.Original.Text()
	if err != nil {
		return err
	}
	diff := strings.TrimSpace(f.Lock.Diff(f.Old, flags.Colour))
	dir := fetch.SourcePath(f.Original.Input)
	switch {
	case flags.NoWrite:
		flags.Warn(fmt.Sprintf("not writing modified lock file of flake '%s':\n%s", what, diff))
		f.LeaveUnwritten()
		return nil
	case dir == "" && flags.Output == "":
		return fmt.Errorf("cannot write modified lock file of flake '%s' (use '--no-write-lock-file' to ignore)", what)
	}
	if in, ok := f.Lock.Unlocked(flags.AllowDirty); ok {
		text, err := in.Text()
		switch {
		case err != nil:
			return err
		case flags.FailUnlocked:
			return fmt.Errorf("Not writing lock file of flake '%s' because it has an unlocked input ('%s'). Use '--allow-dirty-locks' to allow this anyway.", what, text)
		case flags.WarnDirty:
			flags.Warn(fmt.Sprintf("not writing lock file of flake '%s' because it has an unlocked input ('%s')", what, text))
		}
		return nil
	}
	switch {
	case flags.NoUpdate:
		return fmt.Errorf("flake '%s' requires lock file changes but they're not allowed due to '--no-update-lock-file'", what)
	case flags.Output != "" && flags.Commit:
		return fmt.Errorf("'--commit-lock-file' and '--output-lock-file' are incompatible")
	case flags.Output != "":
		if err := os.WriteFile(flags.Output, []byte(f.Lock.Text()), 0o666); err != nil {
			return err
		}
	default:
		if err := flags.write(m, f, dir, diff); err != nil {
			return err
		}
	}
	before := f.Locked.Input["rev"]
	f.Reread(m)
	if rev, _ := f.Locked.Input["rev"].(string); flags.Commit && rev != "" && before != rev {
		flags.Warn(fmt.Sprintf("committed new revision '%s'", rev))
	}
	return nil
}

// write writes the flake's own lock file.
func (flags *LockFlags) write(m *eval.Machine, f *builtins.LockedFlake, dir, diff string) error {
	name := path.Join(f.Original.Dir, "flake.lock")
	full := filepath.Join(dir, name)
	verb, note := "Add", fmt.Sprintf("creating lock file \"%s\": \n%s", full, diff)
	if exists(full) {
		verb, note = "Update", fmt.Sprintf("updating lock file \"%s\":\n%s", full, diff)
		if diff == "" {
			note = fmt.Sprintf("updating lock file \"%s\"", full)
		}
	}
	flags.Warn(note)
	message := ""
	if flags.Commit {
		summary := flags.Summary
		if summary == "" {
			summary = name + ": " + verb
		}
		message = summary + "\n\nFlake lock file updates:\n\n" + f.Lock.Diff(f.Old, false)
	}
	return fetch.PutFile(m.Context(), f.Original.Input, name, f.Lock.Text(), message)
}
