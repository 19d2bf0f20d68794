package store

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestCanonicalise(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "tree")
	for _, err := range []error{
		os.MkdirAll(filepath.Join(dir, "closed"), 0o755),
		os.WriteFile(filepath.Join(dir, "closed/f"), []byte("f"), 0o640),
		os.WriteFile(filepath.Join(dir, "setuid"), nil, 0o755),
		os.Chmod(filepath.Join(dir, "setuid"), 0o755|fs.ModeSetuid|fs.ModeSetgid|fs.ModeSticky),
		os.WriteFile(filepath.Join(dir, "others"), nil, 0o611),
		os.Symlink("nowhere", filepath.Join(dir, "link")),
		os.Link(filepath.Join(dir, "others"), filepath.Join(dir, "hard")),
		os.Chmod(filepath.Join(dir, "closed"), 0),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	xattr := unix.Lsetxattr(filepath.Join(dir, "others"), "user.test", []byte("x"), 0) == nil
	if err := Canonicalise(dir, CanonicalOptions{}); err != nil {
		t.Fatal(err)
	}
	for name, mode := range map[string]fs.FileMode{
		"": fs.ModeDir | 0o555, "closed": fs.ModeDir | 0o555, "closed/f": 0o444, "setuid": 0o555,
		"others": 0o444, "hard": 0o444, "link": fs.ModeSymlink | 0o777,
	} {
		fi := must(os.Lstat(filepath.Join(dir, name)))(t)
		if fi.Mode() != mode || fi.ModTime().Unix() != storeMtime {
			t.Errorf("%q: %v, %v; want %v", name, fi.Mode(), fi.ModTime(), mode)
		}
	}
	if n, err := unix.Llistxattr(filepath.Join(dir, "others"), nil); xattr && (n != 0 || err != nil) {
		t.Errorf("attributes: %d, %v", n, err)
	}
	if err := Canonicalise(dir, CanonicalOptions{KeepRootWritable: true}); err != nil {
		t.Fatal(err)
	}
	if fi := must(os.Lstat(dir))(t); fi.Mode().Perm() != 0o755 {
		t.Errorf("root: %v", fi.Mode())
	}
	// of nobody's
	if err := Canonicalise(dir, CanonicalOptions{UIDs: [2]int{1 << 20, 1 << 20}}); err == nil || !strings.Contains(err.Error(), "invalid ownership") {
		t.Errorf("of another owner: %v", err)
	}
	if err := DeleteTree(dir); err != nil {
		t.Error(err)
	}

	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := unix.Mkfifo(pipe, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := Canonicalise(pipe, CanonicalOptions{}); err == nil || !strings.Contains(err.Error(), "unsupported type") {
		t.Errorf("a pipe: %v", err)
	}
}

func TestDeleteTree(t *testing.T) {
	top := t.TempDir()
	outside := filepath.Join(top, "outside")
	if err := os.WriteFile(outside, []byte("keep"), 0o644); err != nil {
		t.Fatal(err)
	}
	tree := filepath.Join(top, "tree")
	// deeper than a name can tell, and than descriptors would last
	if err := os.Mkdir(tree, 0o755); err != nil {
		t.Fatal(err)
	}
	root := must(os.OpenRoot(tree))(t)
	for i := range 3000 {
		if err := root.Mkdir("d", 0o755); err != nil {
			t.Fatal(i, err)
		}
		next := must(root.OpenRoot("d"))(t)
		root.Close()
		root = next
	}
	f := must(root.Create("f"))(t)
	f.Write(make([]byte, 1000))
	f.Close()
	root.Close()
	for _, err := range []error{
		os.Symlink(outside, filepath.Join(tree, "link")),
		os.Symlink(top, filepath.Join(tree, "linkdir")),
		os.Mkdir(filepath.Join(tree, "closed"), 0o755),
		os.WriteFile(filepath.Join(tree, "closed/f"), make([]byte, 500), 0),
		os.Chmod(filepath.Join(tree, "closed"), 0),
		os.Chmod(tree, 0o555),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	freed, err := deleteTree(tree)
	if err != nil {
		t.Fatal(err)
	}
	if freed < 1500 || freed > 1500+2*4096 {
		t.Errorf("freed %d", freed)
	}
	if left := must(readNames(top))(t); len(left) != 1 || left[0] != "outside" {
		t.Errorf("left %q", left)
	}
	if err := DeleteTree(filepath.Join(top, "missing")); err != nil {
		t.Error(err)
	}
	if err := DeleteTree(filepath.Join(top, "missing/too")); err != nil {
		t.Error(err)
	}
}

func TestSystemErrors(t *testing.T) {
	_, err := os.Open("/nowhere/at/all")
	if got := bare(err).Error(); got != "No such file or directory" {
		t.Errorf("%q", got)
	}
	if !errors.Is(bare(err), fs.ErrNotExist) {
		t.Error("no longer fs.ErrNotExist")
	}
}

func lstatInode(name string) (uint64, error) {
	var st unix.Stat_t
	err := unix.Lstat(name, &st)
	return st.Ino, err
}

// TestInheritedACL adds to a store whose directory hands its ACL down.
func TestInheritedACL(t *testing.T) {
	s := open(t)
	must(s.AddText("first", nil, nil))(t)
	s.work.close()
	// version 2; user::rwx, group::r-x, user 1: rwx, mask::rwx, other::r-x
	acl := "\x02\x00\x00\x00" +
		"\x01\x00\x07\x00\xff\xff\xff\xff" + "\x02\x00\x07\x00\x00\x00\x00\x00" +
		"\x04\x00\x05\x00\xff\xff\xff\xff" + "\x10\x00\x07\x00\xff\xff\xff\xff" + "\x20\x00\x05\x00\xff\xff\xff\xff"
	if err := unix.Lsetxattr(s.real, "system.posix_acl_default", []byte(acl), 0); err != nil {
		t.Skip("no ACLs here: ", err)
	}
	p := must(s.AddText("second", nil, nil))(t)
	if n, err := unix.Llistxattr(s.RealPath(p), nil); n != 0 || err != nil {
		t.Errorf("%d bytes of attributes, %v", n, err)
	}
	if fi := must(os.Lstat(s.RealPath(p)))(t); fi.Mode() != 0o444 {
		t.Errorf("%v", fi.Mode())
	}
}
