package local

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/seed192a40f6/glang/lang/ast"
	"github.com/seed192a40f6/glang/lang/diag"
	"github.com/seed192a40f6/glang/lang/eval"
	"github.com/seed192a40f6/glang/lang/flakeref"
)

// ParseFlakeRef reads a flake reference of a command line, with the fragment
// behind "#". One that is a path is looked for from the working directory; the
// flake may be in a folder above, and is the git repository's if it is in one.
func (e Env) ParseFlakeRef(s string, notice func(string)) (ref flakeref.Ref, fragment string, err error) {
	if s == "" || strings.ContainsAny(s[:1], "./#?~") {
		return e.pathFlake(s, notice)
	}
	if ref, fragment, err = flakeref.Parse(s, true); err == nil {
		if p, _ := ref.Input["path"].(string); ref.Input.IsRelative() {
			ref.Input["path"] = e.abs(p)
		}
		return ref, fragment, nil
	}
	name, _, _ := strings.Cut(s, "#")
	if _, serr := os.Stat(e.abs(name)); serr == nil {
		return e.pathFlake(s, notice)
	}
	return ref, fragment, err
}

func (e Env) abs(name string) string {
	if filepath.IsAbs(name) {
		return filepath.Clean(name)
	}
	return filepath.Join(e.Cwd, name)
}

func (e Env) pathFlake(s string, notice func(string)) (ref flakeref.Ref, fragment string, err error) {
	rest, fragment, _ := strings.Cut(s, "#")
	name, query, hasQuery := strings.Cut(rest, "?")
	dir := e.abs(name)
	fi, err := os.Lstat(dir)
	if err == nil && fi.Mode()&os.ModeSymlink != 0 {
		if dir, err = filepath.EvalSymlinks(dir); err == nil {
			fi, err = os.Lstat(dir)
		}
	}
	if err != nil {
		return ref, "", fmt.Errorf("getting status of '%s': %w", dir, bareError(err))
	}
	if !fi.IsDir() {
		if filepath.Base(dir) != "flake.nix" {
			return ref, "", fmt.Errorf("path \"%s\" is not a flake (because it's not a directory)", dir)
		}
		dir = filepath.Dir(dir)
	}
	if !exists(filepath.Join(dir, "flake.nix")) {
		notice(fmt.Sprintf("path \"%s\" does not contain a 'flake.nix', searching up", dir))
		if dir, err = flakeAbove(dir); err != nil {
			return ref, "", err
		}
	}
	url := flakeref.URL{Scheme: "path", Path: strings.Split(dir, "/")}
	params := ""
	for root, sub := dir, ""; root != "/"; root = filepath.Dir(root) {
		if exists(filepath.Join(root, ".git")) {
			url = flakeref.URL{Scheme: "git+file", HasAuthority: true, Path: strings.Split(root, "/")}
			if sub != "" {
				params = "dir=" + sub
			}
			if exists(filepath.Join(root, ".git", "shallow")) {
				params = strings.TrimPrefix(params+"&shallow=1", "&")
			}
			break
		}
		sub = filepath.Join(filepath.Base(root), sub)
	}
	if hasQuery {
		params = strings.TrimPrefix(params+"&"+query, "&")
	}
	text := url.String()
	if params != "" {
		text += "?" + params
	}
	if fragment != "" {
		text += "#" + fragment
	}
	return flakeref.Parse(text, true)
}

func bareError(err error) error {
	var pe *os.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}

// flakeAbove finds the folder with flake.nix at or above a folder, within its
// repository.
func flakeAbove(start string) (string, error) {
	for dir := start; dir != "/"; dir = filepath.Dir(dir) {
		if exists(filepath.Join(dir, "flake.nix")) {
			return dir, nil
		}
		if exists(filepath.Join(dir, ".git")) {
			return "", fmt.Errorf("path \"%s\" is not part of a flake (neither it nor its parent directories contain a 'flake.nix' file)", dir)
		}
	}
	return "", errors.New("could not find a flake.nix file")
}

// FlakeAttr finds what a fragment means in a flake's outputs: the first of
// the attribute paths that exists, and its value. It runs within Do.
func FlakeAttr(m *eval.Machine, flake *eval.Value, ref string, candidates []string) (path string, v *eval.Value) {
	var wanted string
	var names []string // that are where the last part of a path is not
	for _, c := range candidates {
		parts, err := eval.ParseAttrPath(c)
		if err != nil {
			m.FailErr(ast.NoPos, err)
		}
		v, missing, ok := follow(m, flake, parts)
		if ok {
			return c, v
		}
		if missing != nil {
			wanted, names = parts[len(parts)-1], append(names, missing...)
		}
	}
	quoted := make([]string, len(candidates))
	for i, c := range candidates {
		quoted[i] = "'" + c + "'"
	}
	list := strings.Join(quoted[:len(quoted)-1], ", ")
	if list != "" {
		list += " or "
	}
	slices.Sort(names)
	f := m.Errorf(diag.Eval, ast.NoPos, "flake '%s' does not provide attribute %s", ref, eval.Plain(list+quoted[len(quoted)-1]))
	f.WithSuggestions(wanted, slices.Compact(names)).Throw()
	panic("unreachable")
}

// follow selects along a path. If only the last name of it is not there,
// missing are those that are.
func follow(m *eval.Machine, v *eval.Value, parts []string) (_ *eval.Value, missing []string, ok bool) {
	pos := ast.NoPos
	for i, name := range parts {
		m.Force(v, pos)
		if v.Kind() != eval.KindAttrs {
			return nil, nil, false
		}
		child, at, ok := v.Attrs().Find(m.E.Symbols.Intern(name))
		if !ok {
			if i == len(parts)-1 {
				missing = []string{}
				for n := range v.Attrs().All() {
					missing = append(missing, m.E.Symbols.Name(n))
				}
			}
			return nil, missing, false
		}
		v, pos = child, at
	}
	return v, nil, true
}
