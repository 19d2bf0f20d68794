package local

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

type pair struct{ name, value string }

// ApplyFile reads a configuration file if there is one that can be read.
func (s *Settings) ApplyFile(name string, env Env) error {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil
	}
	return s.Apply(string(text), name, env)
}

// Apply reads configuration text; name is the file it came from, against
// whose folder includes are resolved.
func (s *Settings) Apply(text, name string, env Env) error {
	pairs, err := parseConf(nil, text, name, 0)
	if err != nil {
		return err
	}
	isFeatures := func(p pair) bool {
		return p.name == "experimental-features" || p.name == "extra-experimental-features"
	}
	// Features first: other settings may depend on them.
	for _, p := range pairs {
		if isFeatures(p) {
			if err := s.Set(p.name, p.value); err != nil {
				return err
			}
		}
	}
	_, haveNixPath := env.Lookup("NIX_PATH")
	for _, p := range pairs {
		if isFeatures(p) || haveNixPath && (p.name == "nix-path" || p.name == "extra-nix-path") {
			continue
		}
		if err := s.Set(p.name, p.value); err != nil {
			return err
		}
	}
	return nil
}

// maxIncludes bounds how deep configuration files include one another.
const maxIncludes = 100

func parseConf(pairs []pair, text, name string, depth int) ([]pair, error) {
	if depth > maxIncludes {
		return nil, fmt.Errorf("configuration files include each other too deeply at '%s'", name)
	}
	for line := range strings.SplitSeq(text, "\n") {
		line, _, _ = strings.Cut(line, "#")
		tokens := strings.FieldsFunc(line, func(r rune) bool { return r == ' ' || r == '\t' || r == '\n' || r == '\r' })
		if len(tokens) == 0 {
			continue
		}
		syntax := func() error { return usagef("syntax error in configuration line '%s' in \"%s\"", line, name) }
		if len(tokens) < 2 {
			return nil, syntax()
		}
		if tokens[0] == "include" || tokens[0] == "!include" {
			if len(tokens) != 2 {
				return nil, syntax()
			}
			file := tokens[1]
			if !filepath.IsAbs(file) {
				file = filepath.Join(filepath.Dir(name), file)
			}
			included, err := os.ReadFile(file)
			switch {
			case err == nil:
				if pairs, err = parseConf(pairs, string(included), file, depth+1); err != nil {
					return nil, err
				}
			case errors.Is(err, fs.ErrNotExist):
				if tokens[0] == "include" {
					return nil, fmt.Errorf("file \"%s\" included from \"%s\" not found", file, name)
				}
			default:
				return nil, fmt.Errorf("file \"%s\" included from \"%s\" cannot be read: %w", file, name, err)
			}
			continue
		}
		if tokens[1] != "=" {
			return nil, syntax()
		}
		pairs = append(pairs, pair{tokens[0], strings.Join(tokens[2:], " ")})
	}
	return pairs, nil
}

// Load reads the configuration files and texts that env names, in order of
// rising precedence: the system's, the user's, and the text in NIX_CONFIG
// (GLANG_CONFIG under the native scheme).
func (s *Settings) Load(dirs *Dirs, env Env) error {
	if err := s.ApplyFile(dirs.ConfFile, env); err != nil {
		return err
	}
	for i := len(dirs.UserConfFiles) - 1; i >= 0; i-- {
		if err := s.ApplyFile(dirs.UserConfFiles[i], env); err != nil {
			return err
		}
	}
	if text, ok := env.Lookup(dirs.ConfVariable); ok {
		if err := s.Apply(text, dirs.ConfVariable, env); err != nil {
			return err
		}
	}
	// NIX_PATH stands for the setting, to which extra-nix-path may add.
	if text, ok := env.Lookup("NIX_PATH"); ok && !strings.ContainsAny(text, " \t\n") {
		return s.Set("nix-path", strings.Join(splitNixPath(text), " "))
	}
	return nil
}
