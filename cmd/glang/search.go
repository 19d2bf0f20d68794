package main

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/seed192a40f6/glang/derivation"
	"github.com/seed192a40f6/glang/lang/ast"
	"github.com/seed192a40f6/glang/lang/eval"
)

func (a *app) searchCommand() *cobra.Command {
	return a.command(groupMain, "search [-f FILE] [-A ATTR] REGEX...", "find packages by attribute, name and description",
		`Lists the packages of an expression in whose attribute path, name or
description each of the regular expressions is found, whatever the case of
letters. Sets inside that have recurseForDerivations are looked into.`, func(f *flagSet) func() error {
			src := a.sourceFlags(f)
			s := &searcher{app: a, found: map[string]any{}}
			var exclude []string
			pretty := a.prettyDefault()
			f.boolean(&s.json, "json", "print JSON")
			a.prettyFlags(f, &pretty)
			f.texts(&exclude, "exclude,e", "regex", "leave out packages in which this is found")
			return func() error {
				var where []string
				words := f.args
				if a.asNix && len(words) > 0 {
					where, words = words[:1], words[1:]
				}
				if len(words) == 0 {
					return usagef("Must provide at least one regex! To match all packages, use '%s'.", a.searchAll())
				}
				var err error
				if s.wanted, err = searchRegexes(words); err != nil {
					return err
				}
				if s.unwanted, err = searchRegexes(exclude); err != nil {
					return err
				}
				a.readOnly = true
				list, err := a.installables(src, where)
				if err != nil {
					return err
				}
				for _, i := range list {
					if i.x == nil {
						return fmt.Errorf("installable '%s' does not correspond to a Nix language value", i.what)
					}
					s.x = i.x
					if err := i.x.Do(func() {
						v, _ := i.selected()
						s.visit(i.x.AutoCall(v, i.x.auto), nil, true)
					}); err != nil {
						return err
					}
				}
				if s.json {
					return a.printJSON(s.found, pretty)
				}
				if s.results == 0 {
					return errors.New("no results for the given search term(s)!")
				}
				return nil
			}
		})
}

func (a *app) searchAll() string {
	if a.asNix {
		return "nix search <installable> ^"
	}
	return "glang search ^"
}

func searchRegexes(words []string) ([]*regexp.Regexp, error) {
	var out []*regexp.Regexp
	for _, w := range words {
		re, err := regexp.Compile("(?i)" + w)
		if err != nil {
			return nil, fmt.Errorf("invalid regular expression '%s'", w)
		}
		re.Longest()
		out = append(out, re)
	}
	return out, nil
}

// searcher looks for packages in a value.
type searcher struct {
	app              *app
	x                *evaluation
	wanted, unwanted []*regexp.Regexp
	json             bool
	results          int
	found            map[string]any // for JSON, by attribute path
}

// visit looks at a value and what is inside; within Do. Under glang's own
// name, what cannot be evaluated is no package; the reference's tool ignores
// failures below legacyPackages alone.
func (s *searcher) visit(v *eval.Value, path []string, top bool) {
	legacy := len(path) > 0 && path[0] == "legacyPackages"
	fail := s.x.Catch(func() {
		s.x.Force(v, ast.NoPos)
		switch {
		case v.Kind() != eval.KindAttrs:
			if top {
				s.x.ForceAttrs(v, ast.NoPos, "while searching for packages")
			}
		case s.x.IsDerivation(v):
			s.match(v, strings.Join(path, "."))
		case top, legacy && len(path) <= 2, len(path) > 0 && path[0] == "packages" && len(path) <= 2, s.recurse(v, legacy):
			for attr := range v.Attrs().Sorted(s.x.Machine) {
				s.visit(attr.Value, append(slices.Clip(path), s.x.E.Symbols.Name(attr.Name)), false)
			}
		}
	})
	if fail != nil && !legacy && (s.app.asNix || top || s.app.interrupted()) {
		fail.Throw()
	}
}

// recurse tells whether a set asks to be looked into.
func (s *searcher) recurse(v *eval.Value, legacy bool) bool {
	if s.app.asNix && !legacy {
		return false
	}
	r, pos, ok := v.Attrs().Find(s.x.E.Symbols.Intern("recurseForDerivations"))
	return ok && s.x.ForceBool(r, pos, "while evaluating the attribute `recurseForDerivations`")
}

// text is a string attribute, "" if there is none.
func (s *searcher) text(v *eval.Value, name string) string {
	t, pos, ok := v.Attrs().Find(s.x.E.Symbols.Intern(name))
	if !ok {
		return ""
	}
	str, _ := s.x.ForceString(t, pos, "while evaluating the attribute '"+name+"' of a package")
	return str
}

// match shows a package if it is wanted.
func (s *searcher) match(v *eval.Value, path string) {
	name := derivation.ParseName(s.text(v, "name"))
	description := ""
	if meta, pos, ok := v.Attrs().Find(s.x.E.Symbols.Intern("meta")); ok {
		s.x.Force(meta, pos)
		if meta.Kind() == eval.KindAttrs {
			description = strings.ReplaceAll(s.text(meta, "description"), "\n", " ")
		}
	}
	for _, re := range s.unwanted {
		if re.MatchString(path) || re.MatchString(name.Name) || re.MatchString(description) {
			return
		}
	}
	var inPath, inDescription [][]int
	for _, re := range s.wanted {
		p, d := re.FindAllStringIndex(path, -1), re.FindAllStringIndex(description, -1)
		if len(p)+len(d) == 0 && !re.MatchString(name.Name) {
			return
		}
		inPath, inDescription = append(inPath, p...), append(inDescription, d...)
	}
	s.results++
	if s.json {
		s.found[path] = map[string]string{"pname": name.Name, "version": name.Version, "description": description}
		return
	}
	bold, mark, plain := "\x1b[0;1m", "\x1b[32;1m", "\x1b[0m"
	if !s.app.asNix && !s.app.colorOut() {
		bold, mark, plain = "", "", ""
	}
	if s.results > 1 {
		s.app.println()
	}
	version := ""
	if name.Version != "" {
		version = " (" + name.Version + ")"
	}
	s.app.println("* " + bold + highlight(path, inPath, mark, bold) + plain + version)
	if description != "" {
		s.app.println("  " + highlight(description, inDescription, mark, plain))
	}
}

// highlight puts before and after around the matches in text; those that
// touch or overlap become one.
func highlight(text string, matches [][]int, before, after string) string {
	slices.SortFunc(matches, func(a, b []int) int { return a[0] - b[0] })
	var b strings.Builder
	last := 0
	for i := 0; i < len(matches); i++ {
		start, end := matches[i][0], matches[i][1]
		for i+1 < len(matches) && matches[i+1][0] <= end {
			i++
			end = max(end, matches[i][1])
		}
		b.WriteString(text[last:start] + before + text[start:end] + after)
		last = end
	}
	b.WriteString(text[last:])
	return b.String()
}
