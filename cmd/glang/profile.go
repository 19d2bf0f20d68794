package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/seed192a40f6/glang/derivation"
	"github.com/seed192a40f6/glang/local"
	"github.com/seed192a40f6/glang/profile"
	"github.com/seed192a40f6/glang/realise"
	"github.com/seed192a40f6/glang/store"
	"github.com/seed192a40f6/glang/store/storepath"
)

func (a *app) profileCommand() *cobra.Command {
	return a.family(groupMain, "profile", "install packages for a user",
		a.profileInstall(), a.profileRemove(), a.profileUpgrade(), a.profileList(), a.profileHistory(),
		a.profileRollback(), a.profileWipe(), a.profileDiff())
}

// userProfile is a profile that a command works on.
type userProfile struct {
	*profile.Profile
	name string // --profile
	link string // in the home folder, unless --profile was given
	app  *app
}

func (a *app) profileFlags(f *flagSet) *userProfile {
	u := &userProfile{app: a}
	f.text(&u.name, "profile", "path", "the profile to work on")
	a.storeFlag(f)
	return u
}

// open finds the profile: the one named, or the user's own, whose link in the
// home folder it makes if there is none.
func (u *userProfile) open() error {
	a := u.app
	switch {
	case u.name != "":
		u.Profile = a.profileAt(u.name)
	case a.asNix:
		u.link = a.userProfiles().Link()
		u.Profile = a.profileAt(a.userProfiles().Default())
	default:
		if a.dirs.Home == "" {
			return errors.New("cannot find your profile: HOME is not set; name one with --profile")
		}
		u.link = filepath.Join(a.dirs.Home, ".glang-profile")
		u.Profile = a.profileAt(filepath.Join(a.dirs.State, "profiles", "profile"))
	}
	return nil
}

// publish makes the link in the home folder, and after the first install says
// what to put into a shell's start-up file.
func (u *userProfile) publish(first bool) error {
	if u.link == "" {
		return nil
	}
	target, err := os.Readlink(u.link)
	switch {
	case errors.Is(err, os.ErrNotExist):
		if err := os.Symlink(u.Path, u.link); err != nil {
			return fmt.Errorf("creating symlink '%s': %w", u.link, err)
		}
	case err != nil:
		return fmt.Errorf("'%s' is in the way of the link to your profile", u.link)
	case target != u.Path:
		u.app.warnf("'%s' points to '%s', not to your profile '%s'", u.link, target, u.Path)
	}
	bin := filepath.Join(u.link, "bin")
	if first && !u.app.asNix && !slices.Contains(filepath.SplitList(u.app.env.Get("PATH")), bin) {
		u.app.progress.print("to run what you install, put this line into your shell's start-up file (~/.profile):\n\n" +
			`  export PATH="$HOME/.glang-profile/bin:$PATH"` + "\n")
	}
	return nil
}

// change updates the profile, and explains collisions.
func (u *userProfile) change(f func(m *profile.Manifest) error) (before, after *profile.Manifest, err error) {
	a := u.app
	s, err := a.localStore()
	if err != nil {
		return nil, nil, err
	}
	r, err := a.realiser()
	if err != nil {
		return nil, nil, err
	}
	before, after, err = u.Update(a.context(), s, r, f)
	a.progress.stop()
	var c *profile.Conflict
	if errors.As(err, &c) {
		if m, err := profile.ReadManifest(u.Path); err == nil {
			if _, ok := m.Elements[c.A]; !ok { // it is B that can be removed
				c.A, c.B, c.FileA, c.FileB = c.B, c.A, c.FileB, c.FileA
			}
		}
		err = a.explainConflict(c)
	}
	if err != nil {
		return nil, nil, err
	}
	return before, after, u.publish(len(before.Elements) == 0 && len(after.Elements) > 0)
}

// explainConflict says what to do about two packages with the same file.
func (a *app) explainConflict(c *profile.Conflict) error {
	command := "glang profile"
	if a.asNix {
		command = "nix profile"
	}
	return fmt.Errorf(`the packages '%[1]s' and '%[2]s' both have the same file:

  %[3]s
  %[4]s

Nothing was changed. To have one in the place of the other, remove that first:

  %[5]s remove %[1]s

To have both, install one with another priority (both have %[6]d; the lower number wins):

  %[5]s install ... --priority %[7]d`, c.A, c.B, c.FileA, c.FileB, command, c.Priority, c.Priority-1)
}

// found is a package to install.
type found struct {
	name     string
	priority int
	target   realise.Target
	attr     string
}

// packages are the packages that an installable stands for.
func (i *installable) packages() (out []found, err error) {
	targets, err := i.targets()
	if err != nil {
		return nil, err
	}
	if i.x == nil {
		return []found{{name: derivation.ParseName(targetName(targets[0])).Name, priority: profile.DefaultPriority, target: targets[0]}}, nil
	}
	by := map[storepath.Path]realise.Target{}
	for _, t := range targets {
		by[t.Drv] = t
	}
	err = i.x.Do(func() {
		v, _ := i.selected()
		v = i.x.AutoCall(v, i.x.auto)
		for _, p := range local.Packages(i.x.Machine, v, "", i.x.auto, false) {
			t, ok := by[p.DrvPath()]
			if !ok {
				continue
			}
			delete(by, p.DrvPath())
			attr := i.attr
			if p.AttrPath != "" {
				attr = strings.TrimPrefix(attr+"."+p.AttrPath, ".")
			}
			out = append(out, found{name: derivation.ParseName(p.Name).Name,
				priority: int(p.MetaInt("priority", profile.DefaultPriority)), target: t, attr: attr})
		}
	})
	return out, err
}

func targetName(t realise.Target) string {
	if t.Drv.IsZero() {
		return t.Path.Name()
	}
	return t.Drv.DrvName()
}

func (a *app) profileInstall() *cobra.Command {
	c := a.command("", "install [-f FILE] [ATTR...]", "add packages to the profile",
		`Builds packages and makes a new generation of the profile with them beside
those that are there. A package of the same name, from the same file, is
replaced.`, func(f *flagSet) func() error {
			src := a.sourceFlags(f)
			u := a.profileFlags(f)
			priority, given := 0, false
			f.call("priority", "where files collide, the lower number wins (default 5)", []string{"priority"}, func(w []string) error {
				n, err := strconv.Atoi(w[0])
				if err != nil {
					return usagef("'%s' is not an integer", w[0])
				}
				priority, given = n, true
				return nil
			})
			return func() error {
				if err := u.open(); err != nil {
					return err
				}
				if len(f.args) == 0 && src.file == "" && !src.haveExpr && !a.asNix {
					return usagef("name what to install: a file with -f, or a store path")
				}
				list, err := a.installables(src, f.args)
				if err != nil {
					return err
				}
				var pkgs []found
				for _, i := range list {
					more, err := i.packages()
					if err != nil {
						return err
					}
					pkgs = append(pkgs, more...)
				}
				if len(pkgs) == 0 {
					return errors.New("there is no package to install in what was named")
				}
				targets := make([]realise.Target, len(pkgs))
				for i, p := range pkgs {
					targets[i] = p.target
				}
				results, err := a.realise(targets, realise.Normal, false)
				if err != nil {
					return err
				}
				file := src.file
				if file == "" && len(f.args) == 1 && isFile(f.args[0]) {
					file = f.args[0]
				}
				if file != "" && file != "-" && !strings.HasPrefix(file, "<") {
					file = a.absolute(file)
				}
				_, _, err = u.change(func(m *profile.Manifest) error {
					for i, p := range pkgs {
						e := profile.Element{Active: true, Priority: p.priority, File: file, Attr: p.attr}
						if given {
							e.Priority = priority
						}
						for _, out := range outPaths(results[i : i+1]) {
							e.StorePaths = append(e.StorePaths, a.session.Scheme.Print(out))
						}
						a.enter(m, p.name, e)
					}
					return nil
				})
				return err
			}
		})
	c.Aliases = []string{"add"}
	return c
}

// enter adds an element to a manifest, in the place of one from the same source.
func (a *app) enter(m *profile.Manifest, name string, e profile.Element) {
	if old, ok := m.Elements[name]; ok {
		switch {
		case slices.Equal(old.StorePaths, e.StorePaths) && old.Priority == e.Priority:
			a.warnf("'%s' is already added", name)
			return
		case e.File != "" && old.File == e.File && old.Attr == e.Attr, slices.Equal(old.StorePaths, e.StorePaths):
			a.logf(levelNotice, "replacing '%s'", name)
			m.Elements[name] = e
			return
		}
	}
	name = m.Add(name, e)
	a.logf(levelNotice, "installing '%s'", name)
}

// matching are the elements that words mean: names, store paths, and after
// --regex regular expressions.
func (a *app) matching(m *profile.Manifest, words, regexes []string, all bool) ([]string, error) {
	switch given := len(words)+len(regexes) > 0; {
	case all && given:
		return nil, usagef("--all cannot be used with package names or regular expressions.")
	case all:
		return m.Names(), nil
	case !given:
		return nil, usagef("No packages specified.")
	}
	return m.Matching(words, regexes, a.warn)
}

func (a *app) profileRemove() *cobra.Command {
	c := a.command("", "remove NAME...", "remove packages from the profile", "", func(f *flagSet) func() error {
		u := a.profileFlags(f)
		all := false
		var regexes []string
		f.boolean(&all, "all", "remove all packages")
		f.texts(&regexes, "regex", "pattern", "remove packages whose names match")
		return func() error {
			if err := u.open(); err != nil {
				return err
			}
			before, after, err := u.change(func(m *profile.Manifest) error {
				names, err := a.matching(m, f.args, regexes, all)
				if err != nil {
					return err
				}
				for _, n := range names {
					a.logf(levelNotice, "removing '%s'", n)
					delete(m.Elements, n)
				}
				return nil
			})
			if err != nil {
				return err
			}
			if n := len(before.Elements) - len(after.Elements); n > 0 {
				a.logf(levelInfo, "removed %d packages, kept %d packages", n, len(after.Elements))
			} else {
				a.warn("No packages to remove. Use 'profile list' to see the current profile.")
			}
			return nil
		}
	})
	c.Aliases = []string{"rm"}
	return c
}

func (a *app) profileUpgrade() *cobra.Command {
	return a.command("", "upgrade [NAME...]", "evaluate the files of packages again and install what comes of it", "",
		func(f *flagSet) func() error {
			src := a.sourceFlags(f)
			u := a.profileFlags(f)
			all := false
			var regexes []string
			f.boolean(&all, "all", "upgrade all packages")
			f.texts(&regexes, "regex", "pattern", "upgrade packages whose names match")
			return func() error {
				if err := u.open(); err != nil {
					return err
				}
				m, err := profile.ReadManifest(u.Path)
				if err != nil {
					return err
				}
				names, err := a.matching(m, f.args, regexes, all || !a.asNix && len(f.args)+len(regexes) == 0)
				if err != nil {
					return err
				}
				fresh := map[string]profile.Element{}
				for _, n := range names {
					e := m.Elements[n]
					if e.File == "" {
						a.warnf("Package '%s' was not installed from a file, so it can't be checked for upgrades", n)
						continue
					}
					own := *src
					own.file, own.attrs = e.File, []string{e.Attr}
					a.evaluation = nil
					list, err := a.fileInstallables(&own, e.File, nil)
					if err != nil {
						return fmt.Errorf("while upgrading '%s': %w", n, err)
					}
					targets, err := allTargets(list)
					if err != nil {
						return err
					}
					results, err := a.realise(targets, realise.Normal, false)
					if err != nil {
						return err
					}
					var paths []string
					for _, p := range outPaths(results) {
						paths = append(paths, a.session.Scheme.Print(p))
					}
					if !slices.Equal(paths, e.StorePaths) {
						a.logf(levelNotice, "upgrading '%s'", n)
						e.StorePaths = paths
						fresh[n] = e
					}
				}
				if len(fresh) == 0 {
					a.logf(levelNotice, "all packages are as their files have them")
					return nil
				}
				_, _, err = u.change(func(m *profile.Manifest) error {
					for n, e := range fresh {
						m.Elements[n] = e
					}
					return nil
				})
				return err
			}
		})
}

func (a *app) profileList() *cobra.Command {
	return a.command("", "list", "show the packages of the profile", "", func(f *flagSet) func() error {
		u := a.profileFlags(f)
		asJSON, pretty := false, a.prettyDefault()
		f.boolean(&asJSON, "json", "print JSON")
		a.prettyFlags(f, &pretty)
		return func() error {
			if err := u.open(); err != nil {
				return err
			}
			m, err := profile.ReadManifest(u.Path)
			if err != nil {
				return err
			}
			if asJSON {
				return a.printJSON(m, pretty)
			}
			for i, n := range m.Names() {
				e := m.Elements[n]
				if i > 0 {
					a.println()
				}
				a.printf("Name:               %s\n", n)
				if e.File != "" {
					a.printf("File:               %s\n", e.File)
				}
				if e.Attr != "" {
					a.printf("Attribute:          %s\n", e.Attr)
				}
				if e.Priority != profile.DefaultPriority {
					a.printf("Priority:           %d\n", e.Priority)
				}
				a.printf("Store paths:        %s\n", strings.Join(e.StorePaths, " "))
			}
			return nil
		}
	})
}

func (a *app) profileHistory() *cobra.Command {
	return a.command("", "history", "show what each generation of the profile changed", "", func(f *flagSet) func() error {
		u := a.profileFlags(f)
		return func() error {
			if err := u.open(); err != nil {
				return err
			}
			gens, current, err := u.Generations()
			if err != nil {
				return err
			}
			prev, prevNumber := &profile.Manifest{}, 0
			for i, g := range gens {
				m, err := profile.ReadManifest(g.Path)
				if err != nil {
					return err
				}
				if i > 0 {
					a.println()
				}
				number := strconv.Itoa(g.Number)
				if g.Number == current && a.colorOut() {
					number = "\x1b[32;1m" + number + "\x1b[0m"
				} else if g.Number == current && !a.asNix {
					number += " (current)"
				}
				a.printf("Version %s (%s)", number, g.Made.Format(time.DateOnly))
				if prevNumber > 0 {
					a.printf(" <- %d", prevNumber)
				}
				a.println(":")
				a.printChanges(prev, m)
				prev, prevNumber = m, g.Number
			}
			return nil
		}
	})
}

// printChanges shows how one manifest differs from another.
func (a *app) printChanges(prev, cur *profile.Manifest) {
	changes := cur.Changes(prev)
	for _, c := range changes {
		a.printf("  %s: %s -> %s\n", c.Name, cmp.Or(c.Before, "∅"), cmp.Or(c.After, "∅"))
	}
	if len(changes) == 0 {
		a.println("  No changes.")
	}
}

func (a *app) profileRollback() *cobra.Command {
	return a.command("", "rollback [--to N]", "go back to an earlier generation", "", func(f *flagSet) func() error {
		u := a.profileFlags(f)
		to, dryRun := 0, false
		f.boolean(&dryRun, "dry-run", "only say what would be done")
		f.call("to", "the generation to go to, instead of the one before", []string{"version"}, func(w []string) error {
			n, err := strconv.Atoi(w[0])
			if err != nil || n < 1 {
				return usagef("'%s' is not a version of a profile", w[0])
			}
			to = n
			return nil
		})
		return func() error {
			if err := u.open(); err != nil {
				return err
			}
			return u.Switch(to, dryRun)
		}
	})
}

func (a *app) profileWipe() *cobra.Command {
	return a.command("", "wipe-history", "forget the generations that are not current", "", func(f *flagSet) func() error {
		u := a.profileFlags(f)
		older, dryRun := "", false
		f.text(&older, "older-than", "age", "only those older than AGE, 30d say")
		f.boolean(&dryRun, "dry-run", "only say what would be done")
		return func() error {
			if err := u.open(); err != nil {
				return err
			}
			if older == "" {
				return u.DeleteOld(dryRun)
			}
			t, err := profile.ParseAge(older, time.Now())
			if err != nil {
				return &local.UsageError{Message: err.Error()}
			}
			return u.DeleteOlderThan(t, dryRun)
		}
	})
}

func (a *app) profileDiff() *cobra.Command {
	return a.command("", "diff-closures", "show how the closures of generations differ", "", func(f *flagSet) func() error {
		u := a.profileFlags(f)
		return func() error {
			if err := u.open(); err != nil {
				return err
			}
			gens, _, err := u.Generations()
			if err != nil {
				return err
			}
			s, err := a.localStore()
			if err != nil {
				return err
			}
			var prev storepath.Path
			for i, g := range gens {
				p, err := a.storePath(s.Scheme(), g.Path)
				if err != nil {
					return err
				}
				if i > 0 {
					if i > 1 {
						a.println()
					}
					a.printf("Version %d -> %d:\n", gens[i-1].Number, g.Number)
					if err := store.DiffClosures(s, prev, p, "  ", a.colorOut(), a.stdout); err != nil {
						return err
					}
				}
				prev = p
			}
			return nil
		}
	})
}
