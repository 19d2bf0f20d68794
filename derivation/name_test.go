package derivation

import "testing"

func TestCompareVersions(t *testing.T) {
	// Each is older than the next.
	order := []string{"", "pre", "1", "1.0pre1", "1.0", "1.0.1", "2.3a", "2.3.1", "2.3.9", "2.3.10"}
	// An absent component comes before a number and after "pre".
	order[0], order[1] = "pre", ""
	for i, a := range order {
		for j, b := range order {
			want := 0
			if i < j {
				want = -1
			} else if i > j {
				want = 1
			}
			if got := CompareVersions(a, b); got != want {
				t.Errorf("%q and %q: %d, want %d", a, b, got, want)
			}
		}
	}
}

func TestParseName(t *testing.T) {
	for _, c := range []struct{ full, name, version string }{
		{"hello-2.10", "hello", "2.10"},
		{"gtk+-3.0-doc", "gtk+", "3.0-doc"},
		{"python3-numpy", "python3-numpy", ""},
		{"a-", "a-", ""},
		{"-1", "", "1"},
		{"", "", ""},
	} {
		if got, want := ParseName(c.full), (Name{c.full, c.name, c.version}); got != want {
			t.Errorf("%q: %q, want %q", c.full, got, want)
		}
	}
}
