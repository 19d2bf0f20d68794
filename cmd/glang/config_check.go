package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

func (a *app) configCheck() *cobra.Command {
	return a.command("", "check", "look for common problems of the installation",
		`Looks whether PATH has one installation and whether the profiles in it are
roots of the collector, and says so. The exit status is 2 if something is wrong.`, func(f *flagSet) func() error {
			a.storeFlag(f)
			return func() error {
				if len(f.args) > 0 {
					return usagef("unexpected argument '%s'", f.args[0])
				}
				sess, err := a.open()
				if err != nil {
					return err
				}
				uri := sess.Ref.String()
				if uri == "auto" {
					uri = "local"
				}
				a.logf(levelNotice, "Running checks against store uri: %s", uri)
				good := true
				report := func(problem, fine string) {
					if problem != "" {
						good = false
						a.logf(levelError, "%s", a.mark("31", "[FAIL]")+" "+problem)
						return
					}
					a.logf(levelNotice, "%s", a.mark("32", "[PASS]")+" "+fine)
				}
				if sess.Store != nil {
					dirs := filepath.SplitList(a.env.Get("PATH"))
					name := "glang"
					if a.asNix {
						name = "nix"
					}
					report(a.checkPath(dirs), "PATH contains only one "+name+" version.")
					report(a.checkProfiles(dirs), "All profiles are gcroots.")
				}
				report("", "Client protocol matches store protocol.")
				a.logf(levelNotice, "%s You are trusted by store uri: %s", a.mark("34", "[INFO]"), uri)
				if !good {
					return exit(2)
				}
				return nil
			}
		})
}

// mark colours text for standard error.
func (a *app) mark(code, text string) string {
	if !a.color {
		return text
	}
	return "\x1b[" + code + ";1m" + text + "\x1b[0m"
}

// checkPath says what is wrong if not just one folder of PATH, links followed,
// has the program.
func (a *app) checkPath(dirs []string) string {
	program, name := "glang", "glang"
	if a.asNix {
		program, name = "nix-env", "nix"
	}
	var found []string
	for _, d := range dirs {
		if real, err := filepath.EvalSymlinks(filepath.Join(d, program)); err == nil {
			found = append(found, filepath.Dir(real))
		}
	}
	slices.Sort(found)
	found = slices.Compact(found)
	switch len(found) {
	case 0:
		return "No " + program + " found in PATH."
	case 1:
		return ""
	}
	return "Multiple versions of " + name + " found in PATH:" + quotedLines(found)
}

// checkProfiles says which folders of PATH are environments that are reached
// by links outside of a folder of profiles: nothing may keep those.
func (a *app) checkProfiles(dirs []string) string {
	var bad []string
	for _, d := range dirs {
		prof := filepath.Dir(d)
		real, err := filepath.EvalSymlinks(prof)
		if err != nil || !a.session.Scheme.IsStorePath(real) || !(strings.HasSuffix(real, "user-environment") || strings.HasSuffix(real, "-environment")) {
			continue
		}
		kept := func() bool { return slices.Contains(strings.Split(prof, "/"), "profiles") }
		for !kept() {
			target, err := os.Readlink(prof)
			if err != nil {
				break
			}
			if !filepath.IsAbs(target) {
				target = filepath.Join(filepath.Dir(prof), target)
			}
			prof = target
		}
		if !kept() {
			bad = append(bad, d)
		}
	}
	if len(bad) == 0 {
		return ""
	}
	slices.Sort(bad)
	return "Found profiles outside of \"" + filepath.Join(a.dirs.StateDir, "profiles") + "\".\n" +
		"The generation this profile points to might not have a gcroot and could be\n" +
		"garbage collected, resulting in broken symlinks.\n" + quotedLines(slices.Compact(bad))
}

func quotedLines(l []string) string {
	text := ""
	for _, s := range l {
		text += "\n  \"" + s + "\""
	}
	return text
}
