package profile

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed192a40f6/glang/store/storepath"
)

// links is a store that only makes the links.
type links struct{ dir string }

func (l links) Scheme() storepath.Scheme { return storepath.Nix(l.dir) }

func (l links) AddPermRoot(p storepath.Path, link string) error {
	return os.Symlink(l.Scheme().Print(p), link)
}

func env(t *testing.T, n int) storepath.Path {
	t.Helper()
	p, err := storepath.ParseBase(fmt.Sprintf("%032d-env", n))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// four makes a profile with generations 1 to 4, the last one current.
func four(t *testing.T) (*Profile, *[]string) {
	t.Helper()
	dir := t.TempDir()
	var said []string
	p := &Profile{Path: filepath.Join(dir, "deep", "profile"), Notice: func(s string) { said = append(said, s) }}
	for i := 1; i <= 4; i++ {
		g, err := p.Create(links{"/nix/store"}, env(t, i))
		if err != nil {
			t.Fatal(err)
		}
		if err := p.SwitchTo(g); err != nil {
			t.Fatal(err)
		}
	}
	return p, &said
}

func numbers(t *testing.T, p *Profile) (out []int, current int) {
	t.Helper()
	gens, current, err := p.Generations()
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range gens {
		out = append(out, g.Number)
	}
	return out, current
}

func TestGenerations(t *testing.T) {
	p, _ := four(t)
	if target, _ := os.Readlink(p.Path); target != "profile-4-link" {
		t.Errorf("the profile points to %q", target)
	}
	if g, err := p.Create(links{"/nix/store"}, env(t, 4)); err != nil || g.Number != 4 {
		t.Errorf("the same environment again: generation %d, %v", g.Number, err)
	}
	got, current := numbers(t, p)
	if diff := cmp.Diff([]int{1, 2, 3, 4}, got); diff != "" || current != 4 {
		t.Errorf("current %d, generations (-want +got):\n%s", current, diff)
	}
	// Others' links of a similar name are none of ours.
	for _, n := range []string{"profile-x-link", "profile2-7-link", "profile-9"} {
		if err := os.Symlink("x", filepath.Join(filepath.Dir(p.Path), n)); err != nil {
			t.Fatal(err)
		}
	}
	if got, _ := numbers(t, p); len(got) != 4 {
		t.Errorf("generations %v after adding links of other names", got)
	}
}

func TestSwitch(t *testing.T) {
	p, said := four(t)
	for _, test := range []struct {
		n, want int
		err     string
	}{
		{0, 3, ""}, {0, 2, ""}, {4, 4, ""}, {1, 1, ""},
		{0, 1, "no profile version older than the current (1) exists"},
		{7, 1, "profile version 7 does not exist"},
	} {
		err := p.Switch(test.n, false)
		if (err == nil) != (test.err == "") || err != nil && err.Error() != test.err {
			t.Errorf("switch %d: %v, want %q", test.n, err, test.err)
		}
		if _, current := numbers(t, p); current != test.want {
			t.Errorf("switch %d: current is %d, want %d", test.n, current, test.want)
		}
	}
	if (*said)[0] != "switching profile from version 4 to 3" {
		t.Errorf("said %q", (*said)[0])
	}
	if _, err := os.Stat(p.Path + ".lock"); err == nil {
		t.Error("the lock was left behind")
	}
}

func TestDelete(t *testing.T) {
	for _, test := range []struct {
		name string
		do   func(p *Profile) error
		want []int
		err  string
	}{
		{"numbers", func(p *Profile) error { return p.Delete([]int{1, 3, 9}, false) }, []int{2, 4}, ""},
		{"current", func(p *Profile) error { return p.Delete([]int{4}, false) }, []int{1, 2, 3, 4}, "cannot delete current version"},
		{"old", func(p *Profile) error { return p.DeleteOld(false) }, []int{4}, ""},
		{"dry run", func(p *Profile) error { return p.DeleteOld(true) }, []int{1, 2, 3, 4}, ""},
		{"keep two", func(p *Profile) error { return p.Keep(2, false) }, []int{3, 4}, ""},
		{"keep none", func(p *Profile) error { return p.Keep(0, false) }, []int{1, 2, 3, 4}, "Must keep at least one"},
		{"older than tomorrow", func(p *Profile) error { return p.DeleteOlderThan(time.Now().Add(time.Hour), false) }, []int{4}, ""},
		{"older than yesterday", func(p *Profile) error { return p.DeleteOlderThan(time.Now().Add(-time.Hour), false) }, []int{1, 2, 3, 4}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			p, _ := four(t)
			err := test.do(p)
			if (err == nil) != (test.err == "") || err != nil && !strings.Contains(err.Error(), test.err) {
				t.Errorf("error %v, want %q", err, test.err)
			}
			got, _ := numbers(t, p)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("generations left (-want +got):\n%s", diff)
			}
		})
	}
}

func TestParseAge(t *testing.T) {
	now := time.Date(2020, 1, 15, 0, 0, 0, 0, time.UTC)
	if got, err := ParseAge("14d", now); err != nil || got.Day() != 1 {
		t.Errorf("14d: %v, %v", got, err)
	}
	for _, bad := range []string{"", "d", "0d", "-1d", "14", "14h", "1.5d"} {
		if _, err := ParseAge(bad, now); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
}
