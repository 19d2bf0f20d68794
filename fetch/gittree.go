//go:build unix

package fetch

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/seed192a40f6/glang/store/storepath"
)

// gitFile is an entry of a tree or of the index.
type gitFile struct {
	mode, id, path string
}

const (
	modeLink      = "120000"
	modeSubmodule = "160000"
	modeExec      = "100755"
)

// workTree copies the files that git knows from the work tree, whether their
// changes are committed or not.
func (r *gitRepo) workTree(ctx context.Context, locked map[string]any) (storepath.Path, error) {
	if _, err := r.git(ctx, "rev-parse", "--git-dir"); err != nil {
		return storepath.Path{}, fmt.Errorf("opening Git repository \"%s\": %w", r.dir, err)
	}
	files, err := r.tracked(ctx)
	if err != nil {
		return storepath.Path{}, err
	}
	ignored := "all"
	if r.in.flag("submodules") {
		ignored = "untracked"
	}
	changed, err := r.git(ctx, "status", "--porcelain=v1", "-z", "--untracked-files=no", "--ignore-submodules="+ignored)
	if err != nil {
		return storepath.Path{}, err
	}
	head, headErr := r.line(ctx, "rev-parse", "-q", "--verify", "HEAD^{commit}")
	if ref := r.workRef(ctx); len(changed) == 0 && ref != "HEAD" {
		locked["ref"] = ref
	}
	switch {
	case len(changed) > 0:
		if err := r.dirty(head, locked); err != nil {
			return storepath.Path{}, err
		}
	case headErr != nil:
		locked["rev"] = strings.Repeat("0", 40)
		if !r.in.flag("shallow") {
			locked["revCount"] = int64(0)
		}
	default:
		if err := r.describe(ctx, head, locked); err != nil {
			return storepath.Path{}, err
		}
	}
	if _, ok := locked["lastModified"]; !ok {
		n := int64(0)
		if headErr == nil {
			known := map[string]any{}
			if err := r.describe(ctx, head, known); err != nil {
				return storepath.Path{}, err
			}
			n, _ = known["lastModified"].(int64)
		}
		locked["lastModified"] = n
	}
	keep := map[string]bool{}
	for _, f := range files {
		for p := f; p != "." && !keep[p]; p = path.Dir(p) {
			keep[p] = true
		}
	}
	r.f.o.Log(fmt.Sprintf("copying '%s/' to the store", r.dir))
	return r.f.addTree(r.in.name(), r.dir, func(p string, _ fs.FileInfo) bool {
		rel, err := filepath.Rel(r.dir, p)
		return err == nil && keep[rel]
	})
}

func (r *gitRepo) dirty(head string, locked map[string]any) error {
	if !r.f.o.AllowDirty {
		return fmt.Errorf("Git tree '%s' is dirty", r.dir)
	}
	if r.f.o.WarnDirty {
		r.f.o.Warn(fmt.Sprintf("Git tree '%s' is dirty", r.dir))
	}
	if head != "" {
		locked["dirtyRev"], locked["dirtyShortRev"] = head+"-dirty", head[:7]+"-dirty"
	}
	return nil
}

// tracked lists the files of the index that are in the work tree, those of
// submodules included if they are wanted.
func (r *gitRepo) tracked(ctx context.Context) ([]string, error) {
	out, err := r.git(ctx, "ls-files", "-z", "--stage", "--full-name")
	if err != nil {
		return nil, err
	}
	entries, err := parseEntries(out, func(fields []string) gitFile { return gitFile{mode: fields[0], id: fields[1]} })
	if err != nil {
		return nil, err
	}
	if entries, err = r.withoutIgnored(ctx, entries, ""); err != nil {
		return nil, err
	}
	var files []string
	for _, e := range entries {
		full := filepath.Join(r.dir, e.path)
		if _, err := os.Lstat(full); err != nil {
			continue
		}
		if e.mode != modeSubmodule {
			files = append(files, e.path)
			continue
		}
		if !r.in.flag("submodules") {
			continue
		}
		sub := &gitRepo{f: r.f, in: r.in, dir: full, local: true}
		inner, err := sub.tracked(ctx)
		if err != nil {
			return nil, err
		}
		for _, f := range inner {
			files = append(files, path.Join(e.path, f))
		}
	}
	return files, nil
}

// parseEntries reads what ls-tree and ls-files print: fields, a tab, a path, a NUL.
func parseEntries(out []byte, entry func(fields []string) gitFile) ([]gitFile, error) {
	var list []gitFile
	for rec := range bytes.SplitSeq(bytes.TrimSuffix(out, []byte{0}), []byte{0}) {
		if len(rec) == 0 {
			continue
		}
		head, name, ok := strings.Cut(string(rec), "\t")
		fields := strings.Fields(head)
		if !ok || len(fields) < 3 {
			return nil, fmt.Errorf("git printed '%s'", rec)
		}
		e := entry(fields)
		e.path = name
		if !fs.ValidPath(name) {
			return nil, fmt.Errorf("the repository has a file of the name '%s'", name)
		}
		list = append(list, e)
	}
	return list, nil
}

// withoutIgnored leaves out what has the attribute export-ignore, if that is
// wanted. The attributes are those of the index; tree, if not empty, is the
// revision that the index is made of first.
func (r *gitRepo) withoutIgnored(ctx context.Context, entries []gitFile, tree string) ([]gitFile, error) {
	if !r.in.flag("exportIgnore") {
		return entries, nil
	}
	attributes := false
	dirs := map[string]bool{}
	for _, e := range entries {
		attributes = attributes || path.Base(e.path) == ".gitattributes"
		for d := path.Dir(e.path); d != "." && !dirs[d]; d = path.Dir(d) {
			dirs[d] = true
		}
	}
	if !attributes {
		return entries, nil
	}
	var names bytes.Buffer
	for d := range dirs {
		names.WriteString(d + "\x00")
	}
	for _, e := range entries {
		names.WriteString(e.path + "\x00")
	}
	out, err := r.checkAttr(ctx, names.Bytes(), tree)
	if err != nil {
		return nil, err
	}
	ignored := map[string]bool{}
	fields := strings.Split(string(out), "\x00")
	for i := 0; i+2 < len(fields); i += 3 {
		if fields[i+2] == "set" {
			ignored[fields[i]] = true
		}
	}
	kept := entries[:0]
next:
	for _, e := range entries {
		for p := e.path; p != "."; p = path.Dir(p) {
			if ignored[p] {
				continue next
			}
		}
		kept = append(kept, e)
	}
	return kept, nil
}

func (r *gitRepo) checkAttr(ctx context.Context, names []byte, tree string) ([]byte, error) {
	if tree == "" {
		return r.gitIn(ctx, names, "check-attr", "-z", "--stdin", "export-ignore")
	}
	tmp, err := r.f.tempDir()
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(tmp)
	gitDir, err := r.line(ctx, "rev-parse", "--absolute-git-dir")
	if err != nil {
		return nil, err
	}
	// A git folder of our own that has the objects of the repository, and an
	// index of the revision.
	attr := &gitRepo{f: r.f, in: r.in, dir: tmp}
	if _, err := attr.git(ctx, "init", "--quiet", "--bare"); err != nil {
		return nil, err
	}
	alternates := filepath.Join(tmp, "objects/info/alternates")
	if err := os.WriteFile(alternates, []byte(filepath.Join(gitDir, "objects")+"\n"), 0o644); err != nil {
		return nil, err
	}
	if _, err := attr.git(ctx, "read-tree", tree); err != nil {
		return nil, err
	}
	return attr.gitIn(ctx, names, "check-attr", "--cached", "-z", "--stdin", "export-ignore")
}

// extract writes the tree of a revision to a folder that does not exist.
func (r *gitRepo) extract(ctx context.Context, rev, dest string) error {
	out, err := r.git(ctx, "ls-tree", "-r", "-z", "--full-tree", rev)
	if err != nil {
		return err
	}
	entries, err := parseEntries(out, func(f []string) gitFile { return gitFile{mode: f[0], id: f[2]} })
	if err != nil {
		return err
	}
	if entries, err = r.withoutIgnored(ctx, entries, rev); err != nil {
		return err
	}
	if err := os.MkdirAll(dest, 0o755); err != nil {
		return err
	}
	if err := r.writeFiles(ctx, entries, dest); err != nil {
		return err
	}
	return r.submodules(ctx, rev, entries, dest)
}

// writeFiles copies blobs out of the repository, by one git process.
func (r *gitRepo) writeFiles(ctx context.Context, entries []gitFile, dest string) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	cmd := exec.CommandContext(ctx, "git", "-C", r.dir, "-c", "safe.directory=*", "cat-file", "--batch")
	var ids, stderr bytes.Buffer
	for _, e := range entries {
		if e.mode != modeSubmodule {
			ids.WriteString(e.id + "\n")
		}
	}
	cmd.Stdin, cmd.Stderr = &ids, &stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("cannot run git: %w", err)
	}
	b := bufio.NewReader(stdout)
	root, err := os.OpenRoot(dest)
	if err != nil {
		cancel()
		_ = cmd.Wait() // it was made to end
		return err
	}
	defer root.Close()
	for _, e := range entries {
		if e.mode == modeSubmodule {
			// Without its contents a submodule is an empty folder.
			err = root.MkdirAll(e.path, 0o755)
		} else {
			err = writeBlob(root, b, e)
		}
		if err != nil {
			cancel()
			_ = cmd.Wait() // it was made to end
			return fmt.Errorf("reading '%s' from the Git repository '%s': %w", e.path, r.url, err)
		}
	}
	if err := cmd.Wait(); err != nil {
		return &gitError{[]string{"cat-file", "--batch"}, stderr.String()}
	}
	return nil
}

func writeBlob(root *os.Root, b *bufio.Reader, e gitFile) error {
	head, err := b.ReadString('\n')
	if err != nil {
		return err
	}
	fields := strings.Fields(head)
	if len(fields) != 3 || fields[1] != "blob" {
		return fmt.Errorf("git printed '%s'", strings.TrimSpace(head))
	}
	size, err := strconv.ParseInt(fields[2], 10, 64)
	if err != nil {
		return err
	}
	if dir := path.Dir(e.path); dir != "." {
		if err := root.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	content := io.LimitReader(b, size)
	if e.mode == modeLink {
		const maxTarget = 4095
		if size > maxTarget {
			return errors.New("the target of the symbolic link is too long")
		}
		target, err := io.ReadAll(content)
		if err != nil {
			return err
		}
		if err := root.Symlink(string(target), e.path); err != nil {
			return err
		}
	} else {
		mode := os.FileMode(0o644)
		if e.mode == modeExec {
			mode = 0o755
		}
		f, err := root.OpenFile(e.path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
		if err != nil {
			return err
		}
		n, err := io.Copy(f, content)
		if err = errors.Join(err, f.Close()); err == nil && n != size {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return err
		}
	}
	_, err = b.Discard(1) // the newline after each object
	return err
}

// submodules fetches the submodules of a revision into its tree.
func (r *gitRepo) submodules(ctx context.Context, rev string, entries []gitFile, dest string) error {
	if !r.in.flag("submodules") {
		return nil
	}
	out, err := r.git(ctx, "config", "--blob", rev+":.gitmodules", "-z", "--list")
	if err != nil {
		return nil // there is no .gitmodules
	}
	config := map[string]map[string]string{}
	for rec := range strings.SplitSeq(string(out), "\x00") {
		key, value, _ := strings.Cut(rec, "\n")
		name, ok := strings.CutPrefix(key, "submodule.")
		i := strings.LastIndexByte(name, '.')
		if !ok || i < 0 {
			continue
		}
		if config[name[:i]] == nil {
			config[name[:i]] = map[string]string{}
		}
		config[name[:i]][name[i+1:]] = value
	}
	for _, m := range config {
		for _, e := range entries {
			if e.mode != modeSubmodule || e.path != path.Clean(m["path"]) {
				continue
			}
			if err := r.submodule(ctx, m, e, filepath.Join(dest, e.path)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *gitRepo) submodule(ctx context.Context, config map[string]string, e gitFile, dest string) error {
	address, err := r.submoduleURL(ctx, config["url"])
	if err != nil {
		return err
	}
	attrs := map[string]any{
		"type": "git", "url": address, "rev": e.id, "submodules": true, "allRefs": true,
		"exportIgnore": r.in.flag("exportIgnore"),
	}
	if b := config["branch"]; b == "." {
		attrs["ref"] = r.in.text("ref")
	} else if b != "" {
		attrs["ref"] = b
	}
	sub, err := r.f.openGit(input{attrs})
	if err != nil {
		return err
	}
	rev, _, err := sub.prepare(ctx)
	if err != nil {
		return fmt.Errorf("while fetching the submodule '%s': %w", e.path, err)
	}
	if err := os.Remove(dest); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return sub.extract(ctx, rev, dest)
}

// submoduleURL makes the address of a submodule absolute: it may be relative
// to where the repository comes from.
func (r *gitRepo) submoduleURL(ctx context.Context, address string) (string, error) {
	if strings.HasPrefix(address, "./") || strings.HasPrefix(address, "../") {
		base := r.url
		if r.local {
			if origin, err := r.line(ctx, "config", "--get", "remote.origin.url"); err == nil && origin != "" {
				base = origin
			} else {
				base = "file://" + r.dir
			}
		}
		if strings.HasPrefix(base, "/") {
			base = "file://" + base
		}
		u, err := url.Parse(base)
		if err != nil {
			return "", err
		}
		u.Path = path.Join(u.Path, address)
		return u.String(), nil
	}
	if strings.HasPrefix(address, "/") {
		return "file://" + address, nil
	}
	if user, rest, ok := strings.Cut(address, "@"); ok && !strings.Contains(address, "://") {
		host, file, _ := strings.Cut(rest, ":")
		return "ssh://" + user + "@" + host + "/" + strings.TrimPrefix(file, "/"), nil
	}
	return address, nil
}
