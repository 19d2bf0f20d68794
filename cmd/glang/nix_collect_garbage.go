package main

import (
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/seed192a40f6/glang/local"
	"github.com/seed192a40f6/glang/profile"
	"github.com/seed192a40f6/glang/store"
)

// nixCollectGarbage is nix-collect-garbage.
func nixCollectGarbage(a *app, args []string) error {
	f := a.oldFlags()
	old, dryRun, limited, older := false, false, false, ""
	o := store.GCOptions{Action: store.GCDeleteDead}
	f.boolean(&old, "delete-old,d", "delete the old generations of all profiles first")
	f.call("delete-older-than", "delete generations older than that first, 30d say", []string{"period"}, func(w []string) error {
		old, older = true, w[0]
		return nil
	})
	f.boolean(&dryRun, "dry-run", "only say what would be deleted")
	f.call("max-freed", "stop after so many bytes", []string{"bytes"}, func(w []string) (err error) {
		limited = true
		o.MaxFreed, err = maxFreed(w[0])
		return err
	})
	f.arg = func(w string) error { return usagef("unexpected argument '%s'", w) }
	if done, err := a.parseOld(f, args); done || err != nil {
		return err
	}
	if limited && dryRun {
		return usagef("options --max-freed and --dry-run cannot be combined")
	}
	if old {
		done := map[string]bool{}
		for _, dir := range []string{a.userProfiles().Dir(), filepath.Join(a.dirs.StateDir, "profiles"), filepath.Dir(a.userProfiles().Default())} {
			if !done[dir] {
				done[dir] = true
				if err := a.removeOldGenerations(dir, older, dryRun); err != nil {
					return err
				}
			}
		}
	}
	return a.collectLocal(o, dryRun)
}

// removeOldGenerations removes those of all profiles below a folder.
func (a *app) removeOldGenerations(dir, older string, dryRun bool) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil // there is none, or it is not for this user
	}
	for _, e := range entries {
		name := filepath.Join(dir, e.Name())
		switch {
		case e.IsDir():
			if err := a.removeOldGenerations(name, older, dryRun); err != nil {
				return err
			}
		case e.Type()&os.ModeSymlink != 0:
			target, err := os.Readlink(name)
			if err != nil || !strings.Contains(target, "link") || !canWrite(dir) {
				continue
			}
			a.logf(levelInfo, "removing old generations of profile %s", name)
			p := a.profileAt(name)
			if older == "" {
				err = p.DeleteOld(dryRun)
			} else {
				t, perr := profile.ParseAge(older, time.Now())
				if perr != nil {
					return &local.UsageError{Message: perr.Error()}
				}
				err = p.DeleteOlderThan(t, dryRun)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}
