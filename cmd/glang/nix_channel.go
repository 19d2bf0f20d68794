package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/seed192a40f6/glang/internal/lazyre"
	"github.com/seed192a40f6/glang/profile"
	"github.com/seed192a40f6/glang/store/hash"
	"github.com/seed192a40f6/glang/store/storepath"
)

// unpackChannel makes a channel of an archive of expressions.
const unpackChannel = `{ name, channelName, src }: derivation {
  builder = "builtin:unpack-channel";
  system = "builtin";
  inherit name channelName src;
  preferLocalBuild = true;
}
`

// channels are the channels a user has subscribed to: addresses by name, in
// the file ~/.nix-channels. What they offer lies in a profile of its own.
type channels struct {
	app     *app
	file    string
	profile string
	urls    map[string]string
}

// nixChannel is nix-channel.
func nixChannel(a *app, args []string) error {
	f := a.oldFlags()
	command := ""
	for _, name := range []string{"add", "remove", "list", "update", "list-generations", "rollback"} {
		f.call(name, name+" channels", nil, func([]string) error { command = name; return nil })
	}
	if done, err := a.parseOld(f, args); done || err != nil {
		return err
	}
	c := &channels{app: a, file: filepath.Join(a.dirs.Home, ".nix-channels"), profile: filepath.Join(a.userProfiles().Dir(), "channels")}
	if a.settings.Bool("use-xdg-base-directories") {
		c.file = filepath.Join(a.dirs.State, "channels")
	}
	if err := os.MkdirAll(filepath.Dir(c.profile), 0o755); err != nil {
		return err
	}
	if err := c.read(); err != nil {
		return err
	}
	n := len(f.args)
	switch command {
	case "":
		return usagef("no command specified")
	case "add":
		if n < 1 || n > 2 {
			return usagef("'--add' requires one or two arguments")
		}
		name := strings.TrimSuffix(strings.TrimSuffix(path.Base(f.args[0]), "-unstable"), "-stable")
		if n == 2 {
			name = f.args[1]
		}
		return c.add(f.args[0], name)
	case "remove":
		if n != 1 {
			return usagef("'--remove' requires one argument")
		}
		delete(c.urls, f.args[0])
		if err := c.write(); err != nil {
			return err
		}
		return c.env("--profile", c.profile, "--uninstall", f.args[0])
	case "list":
		if n > 0 {
			return usagef("'--list' expects no arguments")
		}
		for _, name := range sortedNames(c.urls) {
			a.println(name, c.urls[name])
		}
		return nil
	case "update":
		return c.update(f.args)
	case "list-generations":
		if n > 0 {
			return usagef("'--list-generations' expects no arguments")
		}
		return c.env("--profile", c.profile, "--list-generations")
	}
	switch n {
	case 0:
		return c.env("--profile", c.profile, "--rollback")
	case 1:
		return c.env("--profile", c.profile, "--switch-generation", f.args[0])
	}
	return usagef("'--rollback' has at most one argument")
}

func (c *channels) read() error {
	c.urls = map[string]string{}
	text, err := os.ReadFile(c.file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return sysError("opening file", c.file, err)
	}
	for line := range strings.SplitSeq(string(text), "\n") {
		words := strings.Fields(line)
		if len(words) == 0 || strings.HasPrefix(words[0], "#") {
			continue
		}
		url := strings.TrimRight(words[0], "/")
		name := path.Base(url)
		if len(words) > 1 {
			name = words[1]
		}
		c.urls[name] = url
	}
	return nil
}

func (c *channels) write() error {
	var b strings.Builder
	for _, name := range sortedNames(c.urls) {
		b.WriteString(c.urls[name] + " " + name + "\n")
	}
	if err := os.MkdirAll(filepath.Dir(c.file), 0o755); err != nil {
		return err
	}
	return os.WriteFile(c.file, []byte(b.String()), 0o644)
}

var (
	channelURL  = lazyre.New(`^(file|http|https)://`)
	channelName = lazyre.New(`^[a-zA-Z0-9_][a-zA-Z0-9_.-]*$`)
	versionPart = lazyre.New(`-\d.*$`)
	tarball     = lazyre.New(`\.tar\.(gz|bz2|xz)$`)
)

func (c *channels) add(url, name string) error {
	if !channelURL().MatchString(url) {
		return fmt.Errorf("invalid channel URL '%s'", url)
	}
	if !channelName().MatchString(name) {
		return fmt.Errorf("invalid channel identifier '%s'", name)
	}
	c.urls[name] = url
	return c.write()
}

// env runs nix-env, which is this program.
func (c *channels) env(args ...string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	if err := c.app.stdout.Flush(); err != nil {
		return err
	}
	cmd := exec.CommandContext(c.app.context(), self, append([]string{"nix-env"}, args...)...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	var status *exec.ExitError
	if err := cmd.Run(); errors.As(err, &status) {
		return exit(status.ExitCode())
	} else if err != nil {
		return err
	}
	return nil
}

// update fetches channels, all or those named, and installs what they offer.
func (c *channels) update(names []string) error {
	a := c.app
	s, err := a.open()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "nix-channel-")
	if err != nil {
		return err
	}
	a.onClose(func() { os.RemoveAll(dir) })
	file := filepath.Join(dir, "unpack-channel.nix")
	if err := os.WriteFile(file, []byte(unpackChannel), 0o644); err != nil {
		return err
	}
	fetch := a.evalFetcher(s)
	if fetch == nil {
		return errors.New("nothing can be downloaded")
	}
	download := func(url, name string) (storepath.Path, error) {
		return fetch.FetchFile(a.context(), url, name, hash.Hash{})
	}
	args := []string{"--profile", c.profile, "--file", file, "--install", "--remove-all", "--from-expression"}
	for _, name := range sortedNames(c.urls) {
		url := c.urls[name]
		full := name + versionPart().FindString(path.Base(url))
		if len(names) > 0 && !slices.Contains(names, name) {
			// As it is.
			target, err := os.Readlink(filepath.Join(c.profile, name))
			if err != nil {
				return sysError("reading symbolic link", filepath.Join(c.profile, name), err)
			}
			args = append(args, fmt.Sprintf(`f: rec { name = %q; type = "derivation"; outputs = ["out"]; system = "builtin"; outPath = builtins.storePath %q; out = { inherit outPath; };}`,
				full, filepath.Dir(target)))
			continue
		}
		var src storepath.Path
		if tarball().MatchString(path.Base(url)) {
			src, err = download(url, path.Base(url))
		} else if src, err = download(url+"/nixexprs.tar.xz", "nixexprs.tar.xz"); err != nil {
			src, err = download(url+"/nixexprs.tar.bz2", "nixexprs.tar.bz2")
		}
		if err != nil {
			return err
		}
		args = append(args, fmt.Sprintf(`f: f { name = %q; channelName = %q; src = builtins.storePath %q; }`, full, name, s.Scheme.Print(src)))
	}
	a.progress.print(fmt.Sprintf("unpacking %d channels...", len(c.urls)))
	if err := c.env(append(args, "--quiet")...); err != nil {
		return err
	}
	expr := a.userProfiles().Expressions()
	if fi, err := os.Lstat(expr); err == nil && fi.Mode()&os.ModeSymlink != 0 {
		_ = os.Remove(expr)
	}
	if err := os.MkdirAll(expr, 0o755); err != nil {
		return err
	}
	return profile.SwitchLink(filepath.Join(expr, "channels"), c.profile)
}
