//go:build unix

package debian

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestReadSources(t *testing.T) {
	etc := t.TempDir()
	write(t, filepath.Join(etc, "sources.list"), `# a comment
deb [arch=amd64 signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://mirror.example/debian/ bookworm main contrib # more
deb-src http://mirror.example/debian bookworm main
deb [broken http://x y
something else
`)
	write(t, filepath.Join(etc, "sources.list.d/debian.sources"), `Types: deb
# a comment
URIs: http://mirror.example.org/debian
Suites: bookworm
 bookworm-updates
Components: main
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 abc

Types: deb
URIs: http://off.example/debian
Suites: bookworm
Enabled: no
`)
	write(t, filepath.Join(etc, "sources.list.d/old.list.save"), "deb http://saved.example/debian bookworm main\n")
	got, err := ReadSources(etc)
	if err != nil {
		t.Fatal(err)
	}
	want := []Entry{
		{
			Types: []string{"deb"}, URIs: []string{"http://mirror.example/debian"}, Suites: []string{"bookworm"},
			Components: []string{"main", "contrib"}, SignedBy: "/usr/share/keyrings/debian-archive-keyring.gpg",
		},
		{
			Types: []string{"deb-src"}, URIs: []string{"http://mirror.example/debian"}, Suites: []string{"bookworm"},
			Components: []string{"main"},
		},
		{
			Types: []string{"deb"}, URIs: []string{"http://mirror.example.org/debian"},
			Suites: []string{"bookworm", "bookworm-updates"}, Components: []string{"main"},
			SignedBy: "\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n abc",
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestReadSourcesMissing(t *testing.T) {
	entries, err := ReadSources(filepath.Join(t.TempDir(), "none"))
	if err != nil || len(entries) != 0 {
		t.Errorf("got %v, %v", entries, err)
	}
}

func TestIsDebian(t *testing.T) {
	for _, test := range []struct {
		line string
		want bool
	}{
		{"deb http://mirror.example.org/debian bookworm main", true},
		{"deb http://mirror.example.org/debian sid main", true},
		{"deb http://mirror.example.org/debian bookworm-updates main", true},
		{"deb mirror+file:/etc/apt/mirrors/list trixie main", true},
		{"deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://apt.corp/d bookworm main", true},
		{"deb http://mirror.example.org/debian-security bookworm-security main", false},
		{"deb http://security.example.org stretch/updates main", false},
		{"deb http://mirror.example.org/debian bookworm contrib", false},
		{"deb https://download.docker.com/linux/debian bookworm stable", false},
		{"deb [signed-by=/usr/share/keyrings/sury.gpg] https://packages.sury.org/debian bookworm main", false},
		{"deb https://packages.example.org/node_20.x nodistro main", false},
		{"deb http://archive.ubuntu.com/ubuntu noble main", false},
	} {
		entries := parseLines([]byte(test.line))
		if len(entries) != 1 || entries[0].IsDebian() != test.want {
			t.Errorf("%s: want %v, entries %+v", test.line, test.want, entries)
		}
	}
}

func TestRoots(t *testing.T) {
	list := filepath.Join(t.TempDir(), "mirrors")
	write(t, list, "http://one.example/debian/\tpriority:1\n# no\n\nhttp://two.example/debian\n")
	got := roots(parseLines([]byte("deb mirror+file:" + list + " bookworm main\n" +
		"deb http://two.example/debian bookworm main\n" +
		"deb http://other.example/ubuntu noble main\n")))
	if diff := cmp.Diff([]string{"http://one.example/debian", "http://two.example/debian"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestConfigure(t *testing.T) {
	etc, dir := t.TempDir(), t.TempDir()
	write(t, filepath.Join(etc, "sources.list"), "deb [signed-by=/k/debian-archive.gpg] http://m.example/debian sid main\n"+
		"deb http://m.example/debian sid-updates main\n"+
		"deb http://third.example/apt sid main\n")
	apt := &Apt{Etc: etc, Dir: dir}
	changed, err := apt.configure("bookworm", "amd64")
	if err != nil || !changed {
		t.Fatalf("changed %v, error %v", changed, err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "debian.sources"))
	if err != nil {
		t.Fatal(err)
	}
	want := `Types: deb deb-src
URIs: http://m.example/debian
Suites: bookworm
Components: main
Architectures: amd64
Targets: Packages Sources
Signed-By: /k/debian-archive.gpg

`
	if diff := cmp.Diff(want, string(text)); diff != "" {
		t.Error(diff)
	}
	if changed, err = apt.configure("bookworm", "amd64"); err != nil || changed {
		t.Errorf("second time: changed %v, error %v", changed, err)
	}
	if changed, err = apt.configure("trixie", "amd64"); err != nil || !changed {
		t.Errorf("another release: changed %v, error %v", changed, err)
	}
	if _, err := (&Apt{Etc: t.TempDir(), Dir: dir}).configure("bookworm", "amd64"); err == nil {
		t.Error("no error without an entry for Debian")
	}
}
