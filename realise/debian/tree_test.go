//go:build unix

package debian

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"
)

// file is one file of a test package: a folder if its name ends in a slash, a
// link if it has a target, else a regular file.
type file struct {
	name, target, text string
	mode               int64
}

func makeTar(t *testing.T, files []file) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, f := range files {
		h := &tar.Header{Name: "./" + f.name, Mode: f.mode, Typeflag: tar.TypeReg, Size: int64(len(f.text)), Linkname: f.target}
		switch {
		case strings.HasSuffix(f.name, "/"):
			h.Typeflag, h.Mode = tar.TypeDir, 0o755
		case f.target != "":
			h.Typeflag = tar.TypeSymlink
		case f.mode == 0:
			h.Mode = 0o644
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, f.text); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// makeDeb writes a package whose data has the given name and content. The odd
// length of a member before it tests the padding.
func makeDeb(t *testing.T, name string, data []byte) string {
	t.Helper()
	var out bytes.Buffer
	out.WriteString(arMagic)
	member := func(name string, content []byte) {
		fmt.Fprintf(&out, "%-16s%-12d%-6d%-6d%-8s%-10d`\n", name, 0, 0, 0, "100644", len(content))
		out.Write(content)
		if len(content)%2 == 1 {
			out.WriteByte('\n')
		}
	}
	member("debian-binary", []byte("2.0\n"))
	member("control.tar.gz/", []byte("odd"))
	member(name, data)
	deb := filepath.Join(t.TempDir(), "test.deb")
	if err := os.WriteFile(deb, out.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	return deb
}

// listing reads a tree into one line a file: mode, name, target or content.
func listing(t *testing.T, dir string) []string {
	t.Helper()
	var lines []string
	err := filepath.WalkDir(dir, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || name == dir {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		relative, _ := filepath.Rel(dir, name)
		switch {
		case entry.IsDir():
			lines = append(lines, "d "+relative)
		case info.Mode()&fs.ModeSymlink != 0:
			target, err := os.Readlink(name)
			if err != nil {
				return err
			}
			lines = append(lines, "l "+relative+" -> "+target)
		default:
			text, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			kind := "f "
			if info.Mode()&0o111 != 0 {
				kind = "x "
			}
			lines = append(lines, kind+relative+": "+strings.TrimSpace(string(text)))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return lines
}

func TestUnpack(t *testing.T) {
	shell := makeDeb(t, "data.tar", makeTar(t, []file{
		{name: "bin/"},
		{name: "bin/bash", mode: 0o4755, text: "shell"},
		{name: "bin/sh", target: "bash"},
		{name: "etc/profile", text: "no"},
		{name: "usr/share/doc/bash/copyright", text: "no"},
		{name: "usr/share/docs", text: "yes"},
	}))
	library := makeDeb(t, "data.tar", makeTar(t, []file{
		{name: "lib/x86_64-linux-gnu/libz.so.1.2", text: "z"},
		{name: "lib/x86_64-linux-gnu/libz.so.1", target: "libz.so.1.2"},
		{name: "usr/lib/x86_64-linux-gnu/libz.so", target: "/lib/x86_64-linux-gnu/libz.so.1"},
		{name: "lib64/ld.so", target: "/lib/x86_64-linux-gnu/libz.so.1"},
		{name: "usr/lib/rel.so", target: "../../lib/x86_64-linux-gnu/libz.so.1"},
		{name: "usr/lib/gone.so", target: "elsewhere.so"},
		{name: "usr/lib/gone2.so", target: "gone.so"},
		{name: "usr/lib/out", target: "../../../../../../etc/passwd"},
		{name: "usr/bin/script", mode: 0o755, text: "#! /bin/bash -e\necho\n"},
		{name: "usr/bin/env", mode: 0o755, text: "#!/usr/bin/env sh\n"},
		{name: "usr/bin/perl", mode: 0o755, text: "#!/usr/bin/perl\n"},
		{name: "usr/bin/python", mode: 0o755, text: "#!/usr/bin/python3\n"},
		{name: "usr/share/script", text: "#!/bin/bash\n"},
	}))
	dir := filepath.Join(t.TempDir(), "out")
	tree := &Tree{
		Dir: dir, Location: Location{Prefix: "/store/x", Runtime: "/store/x"}, Cores: 2,
		Links: map[string]string{"usr/bin/awk": "bash", "usr/bin/perl5": "bash", "bin2/x": "y"},
	}
	if err := tree.Unpack(context.Background(), []string{shell, library}); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"l bin -> usr/bin",
		"d bin2",
		"l bin2/x -> y",
		"l lib -> usr/lib",
		"l lib64 -> usr/lib64",
		"d usr",
		"d usr/bin",
		"l usr/bin/awk -> bash",
		"x usr/bin/bash: shell",
		"x usr/bin/env: #!/store/x/usr/bin/sh",
		"x usr/bin/perl: #!/store/x/usr/bin/perl",
		"l usr/bin/perl5 -> bash",
		"x usr/bin/python: #!/usr/bin/python3",
		"x usr/bin/script: #!/store/x/usr/bin/bash -e\necho",
		"l usr/bin/sh -> bash",
		"d usr/lib",
		"l usr/lib/rel.so -> x86_64-linux-gnu/libz.so.1",
		"d usr/lib/x86_64-linux-gnu",
		"l usr/lib/x86_64-linux-gnu/libz.so -> libz.so.1",
		"l usr/lib/x86_64-linux-gnu/libz.so.1 -> libz.so.1.2",
		"f usr/lib/x86_64-linux-gnu/libz.so.1.2: z",
		"d usr/lib64",
		"l usr/lib64/ld.so -> ../lib/x86_64-linux-gnu/libz.so.1",
		"d usr/share",
		"f usr/share/docs: yes",
		"f usr/share/script: #!/bin/bash",
	}
	if diff := cmp.Diff(want, listing(t, dir)); diff != "" {
		t.Error(diff)
	}
	if info, err := os.Stat(filepath.Join(dir, "usr/bin/bash")); err != nil || info.Mode() != 0o755 {
		t.Errorf("mode of bash: %v, %v", info.Mode(), err)
	}
}

func TestUnpackCompressions(t *testing.T) {
	plain := makeTar(t, []file{{name: "usr/x", text: "content"}})
	var gz, zst bytes.Buffer
	w := gzip.NewWriter(&gz)
	w.Write(plain)
	w.Close()
	z, err := zstd.NewWriter(&zst)
	if err != nil {
		t.Fatal(err)
	}
	z.Write(plain)
	z.Close()
	// A tar of usr/x, made with GNU tar and xz.
	xz, err := base64.StdEncoding.DecodeString(xzTar)
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{"data.tar": plain, "data.tar.gz": gz.Bytes(), "data.tar.zst": zst.Bytes(), "data.tar.xz": xz} {
		dir := filepath.Join(t.TempDir(), "out")
		tree := &Tree{Dir: dir, Location: Location{Prefix: "/p", Runtime: "/p"}}
		if err := tree.Unpack(context.Background(), []string{makeDeb(t, name, data)}); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if diff := cmp.Diff([]string{"d usr", "f usr/x: content"}, listing(t, dir)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestUnpackErrors(t *testing.T) {
	whole := makeTar(t, []file{{name: "usr/x", text: strings.Repeat("content", 1000)}})
	var device bytes.Buffer
	w := tar.NewWriter(&device)
	w.WriteHeader(&tar.Header{Name: "dev/null", Typeflag: tar.TypeChar})
	w.Close()
	text := filepath.Join(t.TempDir(), "text")
	write(t, text, "no package")
	same := makeDeb(t, "data.tar", makeTar(t, []file{{name: "usr/x", text: "1"}}))
	for name, test := range map[string]struct {
		debs []string
		want string
	}{
		"missing":   {[]string{"/nonexistent"}, "no such file"},
		"not ar":    {[]string{text}, "not an ar archive"},
		"no data":   {[]string{makeDeb(t, "nothing", whole)}, "no member 'data.tar'"},
		"truncated": {[]string{makeDeb(t, "data.tar", whole[:3000])}, "unexpected EOF"},
		"device":    {[]string{makeDeb(t, "data.tar", device.Bytes())}, "has no place in a package"},
		"conflict":  {[]string{same, makeDeb(t, "data.tar", makeTar(t, []file{{name: "usr/x", text: "2"}}))}, "file exists"},
		// Through a link of the package itself, out of the tree.
		"escape": {[]string{makeDeb(t, "data.tar", makeTar(t, []file{
			{name: "usr/l", target: "../../../../../../../../tmp"}, {name: "usr/l/evil", text: "x"},
		}))}, "'./usr/l"},
	} {
		tree := &Tree{Dir: filepath.Join(t.TempDir(), "out"), Location: Location{Prefix: "/p", Runtime: "/p"}}
		err := tree.Unpack(context.Background(), test.debs)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %q", name, err, test.want)
		}
	}
}

func TestUnpackCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	deb := makeDeb(t, "data.tar", makeTar(t, []file{{name: "usr/x"}}))
	tree := &Tree{Dir: filepath.Join(t.TempDir(), "out")}
	if err := tree.Unpack(ctx, []string{deb}); err == nil {
		t.Error("no error")
	}
}

func TestRelative(t *testing.T) {
	for _, test := range [][3]string{
		{"usr/lib", "usr/lib/x", "x"},
		{"usr/lib/a/b", "usr/lib/x", "../../x"},
		{".", "usr/bin/x", "usr/bin/x"},
		{"usr", "usr", "../usr"},
		{"bin", "usr/bin", "../usr/bin"},
	} {
		if got := relative(test[0], test[1]); got != test[2] {
			t.Errorf("relative(%q, %q) = %q, want %q", test[0], test[1], got, test[2])
		}
	}
}

const xzTar = "/Td6WFoAAATm1rRGAgAhARwAAAAQz1jM4Cf/AGddABcLyyeJ8u1G2EcQOwhkl7KI0Gc83Y1EgvAOcNH7CIW1XddGOTd6RQO7Q0OQFmglZkKiQOIDkAj6qCiumbc7fJNrC2MUzJIe1BqFnt0cerDWZM4lU5zfi8OuDJLUIpD9+UnQ29bkWwAAAFbjtcWxbp7sAAGDAYBQAACQA/TnscRn+wIAAAAABFla"
