//go:build unix

package fetch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/seed192a40f6/glang/lang/flakeref"
)

// SourcePath is the folder of this machine that an input is read from, "" if
// it is from elsewhere.
func SourcePath(attrs flakeref.Attrs) string {
	in := input{attrs}
	switch in.text("type") {
	case "path":
		return in.text("path")
	case "git":
		u, err := flakeref.ParseURL(in.text("url"))
		if err != nil || u.Transport() != "file" {
			return ""
		}
		if dir := strings.Join(u.Path, "/"); filepath.IsAbs(dir) && !isBare(dir) {
			return dir
		}
	}
	return ""
}

// PutFile writes a file into the folder that an input is read from. In a git
// repository it is made known to git, unless that is told to ignore it; with a
// message it is committed.
func PutFile(ctx context.Context, attrs flakeref.Attrs, name, contents, message string) error {
	dir := SourcePath(attrs)
	if dir == "" {
		return fmt.Errorf("cannot write '%s' to '%s', which is not a folder of this machine", name, text(attrs))
	}
	if err := replaceFile(filepath.Join(dir, name), contents); err != nil {
		return err
	}
	if attrs["type"] != "git" {
		return nil
	}
	if _, err := userGit(ctx, dir, "", "check-ignore", "--quiet", name); err == nil {
		return nil
	}
	if _, err := userGit(ctx, dir, "", "add", "--intent-to-add", "--", name); err != nil || message == "" {
		return err
	}
	_, err := userGit(ctx, dir, message, "commit", name, "-F", "-")
	return err
}

// Untracked tells whether a file is in the work tree that an input is read from
// but not known to git, so that the input does not have it. dir is the top of the work tree.
func Untracked(ctx context.Context, attrs flakeref.Attrs, name string) (dir string, ok bool) {
	dir = SourcePath(attrs)
	if attrs["type"] != "git" || dir == "" {
		return "", false
	}
	if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
		return "", false
	}
	out, err := userGit(ctx, dir, "", "ls-files", "--", name)
	return dir, err == nil && out == ""
}

// AddToGit makes files known to git, if a folder is the top of a repository.
func AddToGit(ctx context.Context, dir string, files []string) error {
	if _, err := os.Stat(filepath.Join(dir, ".git")); err != nil || len(files) == 0 {
		return nil
	}
	_, err := userGit(ctx, dir, "", append([]string{"add", "--intent-to-add", "--force", "--"}, files...)...)
	return err
}

// replaceFile writes a file as a whole: it is the old one or the new one.
func replaceFile(name, contents string) error {
	tmp, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+"-")
	if err != nil {
		return err
	}
	mode := os.FileMode(0o644)
	if fi, err := os.Stat(name); err == nil {
		mode = fi.Mode().Perm()
	}
	_, err = tmp.WriteString(contents)
	if err = errors.Join(err, tmp.Chmod(mode), tmp.Close()); err == nil {
		err = os.Rename(tmp.Name(), name)
	}
	if err != nil {
		return errors.Join(err, os.Remove(tmp.Name()))
	}
	return nil
}

// userGit runs git in the user's own repository, as the user has set it up.
func userGit(ctx context.Context, dir, stdin string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "git", append([]string{"-C", dir}, args...)...)
	var stdout, stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &stdout, &stderr
	if err := cmd.Run(); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			return "", fmt.Errorf("cannot run git: %w", err)
		}
		return "", &gitError{args, stderr.String()}
	}
	return stdout.String(), nil
}
