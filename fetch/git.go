//go:build unix

package fetch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/seed192a40f6/glang/lang/flakeref"
	"github.com/seed192a40f6/glang/store/hash"
	"github.com/seed192a40f6/glang/store/storepath"
)

// gitRepo is a repository to read from: one of this machine, or a bare clone
// in the cache.
type gitRepo struct {
	f   *Fetcher
	in  input
	url string // as given to git
	// dir is where git works: the work tree, or the clone.
	dir string
	// local tells that dir is a work tree of this machine.
	local bool
}

// gitError is a git command that failed, with what it said.
type gitError struct {
	args []string
	text string
}

func (e *gitError) Error() string {
	return fmt.Sprintf("program 'git' failed: git %s: %s", strings.Join(e.args, " "), strings.TrimSpace(e.text))
}

// git runs git in the repository and returns what it prints. Nothing that the
// repository configures is run.
func (r *gitRepo) git(ctx context.Context, args ...string) ([]byte, error) {
	return r.gitIn(ctx, nil, args...)
}

func (r *gitRepo) gitIn(ctx context.Context, stdin []byte, args ...string) ([]byte, error) {
	all := append([]string{
		"-C", r.dir, "-c", "safe.directory=*", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null",
		"-c", "protocol.file.allow=always",
	}, args...)
	cmd := exec.CommandContext(ctx, "git", all...)
	var stdout, stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(stdin), &stdout, &stderr
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			return nil, fmt.Errorf("cannot run git: %w", err)
		}
		return nil, &gitError{args, stderr.String()}
	}
	return stdout.Bytes(), nil
}

func (r *gitRepo) line(ctx context.Context, args ...string) (string, error) {
	out, err := r.git(ctx, args...)
	return strings.TrimSpace(string(out)), err
}

// git fetches a git tree: a revision, or the work tree of a local repository
// if neither a revision nor a branch is named.
func (f *Fetcher) git(ctx context.Context, in input, locked map[string]any) (storepath.Path, error) {
	r, err := f.openGit(in)
	if err != nil {
		return storepath.Path{}, err
	}
	switch {
	case in.flag("exportIgnore") && in.flag("submodules"):
		return storepath.Path{}, errors.New("exportIgnore and submodules are not supported together yet")
	case in.flag("lfs"):
		return storepath.Path{}, errors.New("git LFS is not supported")
	case in.flag("verifyCommit") || in.text("publicKey") != "" || in.text("publicKeys") != "":
		return storepath.Path{}, errors.New("verifying the signatures of git commits is not supported")
	}
	if in.flag("submodules") {
		locked["submodules"] = true
	}
	if r.local && in.text("ref") == "" && in.text("rev") == "" {
		return r.workTree(ctx, locked)
	}
	rev, ref, err := r.prepare(ctx)
	if err != nil {
		return storepath.Path{}, err
	}
	locked["ref"] = ref
	if err := r.describe(ctx, rev, locked); err != nil {
		return storepath.Path{}, err
	}
	tmp, err := f.tempDir()
	if err != nil {
		return storepath.Path{}, err
	}
	defer os.RemoveAll(tmp)
	tree := filepath.Join(tmp, "tree")
	f.o.Log(fmt.Sprintf("using revision %s of repo '%s'", rev, r.where()))
	if err := r.extract(ctx, rev, tree); err != nil {
		return storepath.Path{}, err
	}
	return f.addTree(in.name(), tree, nil)
}

func (f *Fetcher) openGit(in input) (*gitRepo, error) {
	text := in.text("url")
	u, err := flakeref.ParseURL(text)
	if err != nil {
		return nil, err
	}
	r := &gitRepo{f: f, in: in, url: text}
	if u.Scheme == "file" {
		dir := strings.Join(u.Path, "/")
		if !filepath.IsAbs(dir) {
			f.o.Warn(fmt.Sprintf("Fetching Git repository '%s', which uses a path relative to the current directory. "+
				"This is not supported and will stop working in a future release. "+
				"See https://github.com/NixOS/nix/issues/12281 for details.", text))
			if dir, err = filepath.Abs(dir); err != nil {
				return nil, err
			}
		}
		if !f.o.ForceClone && !isBare(dir) {
			r.dir, r.local = dir, true
			return r, nil
		}
		u.Query = nil // git would take it for a part of the name
		u.Path = strings.Split(filepath.Clean(dir), "/")
		u.HasAuthority = true
	}
	delete(u.Query, "dir") // of old lock files; it is not for the server
	r.url = u.String()
	r.dir = f.cloneDir(r.url, in.flag("shallow"))
	return r, nil
}

// where is the repository as messages show it.
func (r *gitRepo) where() string {
	if r.local {
		return r.dir
	}
	return r.url
}

// isBare tells whether a folder exists that is no work tree.
func isBare(dir string) bool {
	if _, err := os.Stat(dir); err != nil {
		return false
	}
	_, err := os.Lstat(filepath.Join(dir, ".git"))
	return err != nil
}

func (f *Fetcher) cloneDir(url string, shallow bool) string {
	name := hash.SumString(hash.SHA256, url).Nix32()
	if shallow {
		name += "-shallow"
	}
	return filepath.Join(f.o.CacheDir, "gitv3", name)
}

// prepare makes sure that the repository has the revision asked for, and
// tells which one that is and on which branch.
func (r *gitRepo) prepare(ctx context.Context) (rev, ref string, err error) {
	rev, ref = r.in.text("rev"), r.in.text("ref")
	if r.local {
		if ref == "" {
			ref = r.workRef(ctx)
		}
		if rev == "" {
			if rev, err = r.resolve(ctx, ref); err != nil {
				return "", "", err
			}
		}
		return rev, ref, r.checkShallow(ctx)
	}
	unlock, err := lockFile(r.dir + ".lock")
	if err != nil {
		return "", "", err
	}
	defer unlock()
	if err := r.clone(ctx); err != nil {
		return "", "", err
	}
	givenRef := ref
	if ref == "" {
		ref = r.defaultRef(ctx)
	}
	refFile := filepath.Join(r.dir, "refs/heads", ref)
	if strings.HasPrefix(ref, "refs/") {
		refFile = filepath.Join(r.dir, ref)
	}
	if r.mustFetch(ctx, rev, refFile) {
		if err := r.fetch(ctx, rev, ref, refFile); err != nil {
			return "", "", err
		}
		if givenRef == "" && rev == "" {
			if _, err := r.git(ctx, "symbolic-ref", "HEAD", headName(ref)); err != nil {
				r.f.o.Warn(fmt.Sprintf("could not update cached head '%s' for '%s'", ref, r.url))
			}
		}
	}
	if rev != "" {
		if !r.has(ctx, rev) {
			return "", "", fmt.Errorf("Cannot find Git revision '%s' in ref '%s' of repository '%s'! "+
				"Please make sure that the rev exists on the ref you've specified or add allRefs = true; to fetchGit.", rev, ref, r.url)
		}
	} else if rev, err = r.resolve(ctx, ref); err != nil {
		return "", "", err
	}
	return rev, ref, r.checkShallow(ctx)
}

// workRef is the branch of a work tree, or "HEAD" between branches.
func (r *gitRepo) workRef(ctx context.Context) string {
	if ref, err := r.line(ctx, "symbolic-ref", "-q", "HEAD"); err == nil && ref != "" {
		return ref
	}
	return "HEAD"
}

func headName(ref string) string {
	if strings.HasPrefix(ref, "refs/") {
		return ref
	}
	return "refs/heads/" + ref
}

func (r *gitRepo) checkShallow(ctx context.Context) error {
	out, err := r.line(ctx, "rev-parse", "--is-shallow-repository")
	if err != nil {
		return err
	}
	if out == "true" && !r.in.flag("shallow") {
		return fmt.Errorf("'%s' is a shallow Git repository, but shallow repositories are only allowed when `shallow = true;` is specified", r.where())
	}
	return nil
}

// clone makes the clone if there is none.
func (r *gitRepo) clone(ctx context.Context) error {
	if _, err := os.Stat(filepath.Join(r.dir, "HEAD")); err == nil {
		return nil
	}
	if err := os.MkdirAll(r.dir, 0o755); err != nil {
		return err
	}
	if _, err := r.git(ctx, "init", "--quiet", "--bare", "--initial-branch=master"); err != nil {
		return err
	}
	_, err := r.git(ctx, "config", "remote.origin.url", r.url)
	return err
}

// defaultRef is the branch that the remote's HEAD stands for.
func (r *gitRepo) defaultRef(ctx context.Context) string {
	cached, _ := r.line(ctx, "symbolic-ref", "-q", "HEAD")
	if st, err := os.Stat(filepath.Join(r.dir, cached)); cached != "" && err == nil && time.Since(st.ModTime()) < r.f.o.TTL {
		return strings.TrimPrefix(cached, "refs/heads/")
	}
	out, err := r.git(ctx, "ls-remote", "--symref", r.url, "HEAD")
	if err == nil {
		for line := range strings.Lines(string(out)) {
			if rest, ok := strings.CutPrefix(line, "ref: "); ok {
				name, _, _ := strings.Cut(rest, "\t")
				return strings.TrimPrefix(name, "refs/heads/")
			}
		}
		if len(out) > 0 {
			return "HEAD"
		}
	}
	if _, err := r.line(ctx, "rev-parse", "-q", "--verify", "HEAD"); err == nil && cached != "" {
		return strings.TrimPrefix(cached, "refs/heads/")
	}
	r.f.o.Warn(fmt.Sprintf("could not read HEAD ref from repo at '%s', using 'master'", r.url))
	return "master"
}

func (r *gitRepo) mustFetch(ctx context.Context, rev, refFile string) bool {
	if rev != "" {
		return !r.has(ctx, rev)
	}
	if r.in.flag("allRefs") {
		return true
	}
	st, err := os.Stat(refFile)
	return err != nil || time.Since(st.ModTime()) >= r.f.o.TTL
}

func (r *gitRepo) has(ctx context.Context, rev string) bool {
	_, err := r.git(ctx, "cat-file", "-e", rev+"^{commit}")
	return err == nil
}

// fetch updates the clone. If the server cannot be reached and there is an
// older version, that will do.
func (r *gitRepo) fetch(ctx context.Context, rev, ref, refFile string) error {
	spec := fmt.Sprintf("refs/heads/%s:refs/heads/%s", ref, ref)
	switch {
	case r.in.flag("allRefs"):
		spec = "refs/*:refs/*"
	case rev != "":
		spec = rev
	case strings.HasPrefix(ref, "refs/"):
		spec = ref + ":" + ref
	case ref == "HEAD":
		spec = "HEAD:HEAD"
	}
	args := []string{"fetch", "--quiet", "--force", "--no-tags", "--update-head-ok"}
	if r.in.flag("shallow") {
		args = append(args, "--depth=1")
	}
	_, err := r.git(ctx, append(args, "--", r.url, spec)...)
	if err != nil {
		if _, serr := os.Stat(refFile); serr != nil || ctx.Err() != nil {
			return err
		}
		r.f.o.Warn(fmt.Sprintf("%v", err))
		r.f.o.Warn(fmt.Sprintf("could not update local clone of Git repository '%s'; continuing with the most recent version", r.url))
	}
	if rev == "" {
		now := time.Now()
		if err := os.Chtimes(refFile, now, now); err != nil && !errors.Is(err, fs.ErrNotExist) {
			r.f.o.Warn(fmt.Sprintf("could not update mtime for file \"%s\": %v", refFile, err))
		}
	}
	return nil
}

func (r *gitRepo) resolve(ctx context.Context, ref string) (string, error) {
	rev, err := r.line(ctx, "rev-parse", "--verify", "--quiet", ref+"^{commit}")
	if err != nil {
		return "", fmt.Errorf("resolving Git reference '%s': revspec '%s' not found", ref, ref)
	}
	return rev, nil
}

// describe notes what is known of a revision.
func (r *gitRepo) describe(ctx context.Context, rev string, locked map[string]any) error {
	n, err := r.fact(ctx, "gitLastModified", rev, "log", "-1", "--format=%ct", "--no-show-signature", rev)
	if err != nil {
		return err
	}
	locked["rev"], locked["lastModified"] = rev, n
	if r.in.flag("shallow") {
		return nil
	}
	if err := r.checkShallow(ctx); err != nil {
		return err
	}
	n, err = r.fact(ctx, "gitRevCount", rev, "rev-list", "--count", rev)
	locked["revCount"] = n
	return err
}

// fact is a number that git prints for a revision.
func (r *gitRepo) fact(ctx context.Context, kind, rev string, args ...string) (int64, error) {
	text, err := r.f.facts.get(kind, rev, func() (string, error) { return r.line(ctx, args...) })
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(text, 10, 64)
}

// lockFile keeps other processes out of a clone.
func lockFile(name string) (unlock func(), err error) {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return nil, err
	}
	l, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	for {
		if err = unix.Flock(int(l.Fd()), unix.LOCK_EX); err != unix.EINTR {
			break
		}
	}
	if err != nil {
		l.Close()
		return nil, fmt.Errorf("locking '%s': %w", name, err)
	}
	return func() { l.Close() }, nil
}
