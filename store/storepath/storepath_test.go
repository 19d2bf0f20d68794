package storepath

import (
	"errors"
	"strings"
	"testing"

	"github.com/seed192a40f6/glang/store/hash"
)

var nix = Nix("/nix/store")

func TestCheckName(t *testing.T) {
	long := strings.Repeat("x", 212)
	for name, want := range map[string]string{
		"":          "name must not be empty",
		".":         "name '.' is not valid",
		"..":        "name '..' is not valid",
		".-a":       "name '.-a' is not valid: first dash-separated component must not be '.'",
		"..-b":      "name '..-b' is not valid: first dash-separated component must not be '..'",
		"a b":       "name 'a b' contains illegal character ' '",
		"a/b":       "name 'a/b' contains illegal character '/'",
		"é":         "name 'é' contains illegal character '\xc3'",
		long:        "name '" + long + "' must be no longer than 211 characters",
		long[1:]:    "",
		".a":        "",
		"...":       "",
		".a-b":      "",
		"a+-._?=0Z": "",
	} {
		err := CheckName(name)
		if (err == nil) != (want == "") || err != nil && err.Error() != want {
			t.Errorf("CheckName(%q) = %v, want %q", name, err, want)
		}
	}
}

func TestParse(t *testing.T) {
	const h = "s66mzxpvicwk07gjbjfw9izjfa797vsw"
	for _, c := range []struct{ in, want, err string }{
		{"/nix/store/" + h + "-hello-1.0", h + "-hello-1.0", ""},
		{"/nix/store//" + h + "-hello/", h + "-hello", ""},
		{"/nix/store/../store/" + h + "-a", h + "-a", ""},
		{"/nix/store/foo", "", "'foo' is too short to be a valid store path"},
		{"/usr/foo", "", "path \"/usr/foo\" is not in the Nix store"},
		{"/nix/store", "", "path \"/nix/store\" is not in the Nix store"},
		{"/nix/store/" + h + "-a/b", "", "path \"/nix/store/" + h + "-a/b\" is not in the Nix store"},
		{"nix/store/" + h, "", "not an absolute path: \"nix/store/" + h + "\""},
		{"/nix/store/e66mzxpvicwk07gjbjfw9izjfa797vsw-a", "", "store path 'e66mzxpvicwk07gjbjfw9izjfa797vsw-a' contains illegal base-32 character 'e'"},
		{"/nix/store/" + h + "-", "", "path '" + h + "-' is not a valid store path: name must not be empty"},
		{"/nix/store/" + h + "-a b", "", "path '" + h + "-a b' is not a valid store path: name 'a b' contains illegal character ' '"},
		{"/nix/store/" + h + "_a", "", "store path '" + h + "_a' has no dash after its hash"},
	} {
		p, err := nix.Parse(c.in)
		if p.String() != c.want || (err == nil) != (c.err == "") || err != nil && err.Error() != c.err {
			t.Errorf("Parse(%q) = %q, %v; want %q, %s", c.in, p, err, c.want, c.err)
		}
	}
	p, err := nix.Parse("/nix/store/" + h + "-hello.drv")
	if err != nil {
		t.Fatal(err)
	}
	if p.Name() != "hello.drv" || p.HashPart() != h || !p.IsDerivation() || p.DrvName() != "hello" || p.IsZero() {
		t.Errorf("parts of %v", p)
	}
	var zero Path
	if !zero.IsZero() || zero.Name() != "" || zero.HashPart() != "" || zero.IsDerivation() {
		t.Error("the zero path has parts")
	}
}

func TestToStorePath(t *testing.T) {
	const base = "s66mzxpvicwk07gjbjfw9izjfa797vsw-a"
	for in, want := range map[string]string{
		"/nix/store/" + base:                  base + "|",
		"/nix/store/" + base + "/":            base + "|",
		"/nix/store/" + base + "/bin//x/../y": base + "|/bin/y",
	} {
		p, rest, err := nix.ToStorePath(in)
		if got := p.String() + "|" + rest; err != nil || got != want {
			t.Errorf("ToStorePath(%q) = %s, %v", in, got, err)
		}
	}
	_, _, err := nix.ToStorePath("/nix/stored/x")
	if err == nil || err.Error() != "path '/nix/stored/x' is not in the Nix store" || !errors.Is(err, ErrNotInStore) {
		t.Error(err)
	}
	if nix.IsInStore("/nix/store") || nix.IsInStore("/nix/store/") || !nix.IsInStore("/nix/store/x") {
		t.Error("IsInStore")
	}
}

func TestMake(t *testing.T) {
	must := func(p Path, err error) string {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return nix.Print(p)
	}
	a, err := nix.TextPath("a", hash.SumString(hash.SHA256, "abc"), nil)
	if err != nil {
		t.Fatal(err)
	}
	for got, want := range map[string]string{
		nix.Print(a): "/nix/store/msgzipq9fnc1zxs3msr7s9daxag9934q-a",
		must(nix.TextPath("b", hash.SumString(hash.SHA256, "abc"+nix.Print(a)), []Path{a, a})): "/nix/store/gjx3vyj3sx48nv7gyl18ssqqriggnp3w-b",
		nix.Placeholder("out"): "/1rz4g4znpzjwh1xymhjpm42vipw92pr73vdgl6xs1hycac8kf2n9",
		nix.Placeholder("dev"): "/02qcpld1y6xhs5gz9bchpxaw0xdhmsp5dv88lh25r2ss44kh8dxz",
		// builtin derivations of the reference with these outputHash attributes
		must(nix.FixedOutputPath("fx", NAR, hash.SumString(hash.SHA256, ""), nil, false)): "/nix/store/h5ck3iac30i668850qp66x7vaa9ifqv0-fx",
		must(nix.FixedOutputPath("fx2", Flat, hash.SumString(hash.SHA1, ""), nil, false)): "/nix/store/xksf0rdkk642a2xi0wg8naw0jj7cdjxb-fx2",
	} {
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	m, err := ParseBase("4da9ws8rqwm5amqi0inxmkpzs9n0hamm-m.drv.drv")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := nix.DynamicPlaceholder(m, "out", "out"), "/1pai5gfxwbf2zmrp1659bi7ijl874a3ww2f2v54fg3yn0l2nvxvj"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	ca, err := ParseBase("mxh1j6xd59a3pqm6i39fvmx6sc4w831b-ca.drv")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := nix.DownstreamPlaceholder(ca, "out"), "/0wjdzg49vjxs6q1i9lx6973djynfsckdr4gsndbshs6qjwxm3czx"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// The native scheme hashes with BLAKE3 wherever the other says SHA-256: a
// recursive BLAKE3 hash makes a source there and a SHA-256 one does not.
func TestNative(t *testing.T) {
	native := Native("/glang/store")
	b3, sha := hash.SumString(hash.BLAKE3, "x"), hash.SumString(hash.SHA256, "x")
	source, err := native.make([]byte("source"), b3, "n")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := native.FixedOutputPath("n", NAR, b3, nil, false); err != nil || got != source {
		t.Errorf("got %s, %v, want %s", got, err, source)
	}
	ref, err := native.SourcePath("n", b3, []Path{source}, true)
	if err != nil || ref == source {
		t.Errorf("references and self make %s, %v", ref, err)
	}
	inner := hash.SumString(hash.BLAKE3, "fixed:out:r:sha256:"+sha.Base16()+":")
	fixed, err := native.make([]byte("output:out"), inner, "n")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := native.FixedOutputPath("n", NAR, sha, nil, false); err != nil || got != fixed {
		t.Errorf("got %s, %v, want %s", got, err, fixed)
	}
	if _, err := native.FixedOutputPath("n", NAR, sha, []Path{source}, false); err == nil {
		t.Error("a fixed output has references")
	}
	if _, err := native.TextPath("n", sha, nil); err == nil {
		t.Error("a text is hashed with another hash than the scheme's")
	}
	if _, err := native.FixedOutputPath("n", Git, b3, nil, false); err == nil {
		t.Error("git with BLAKE3")
	}
}

func TestContentAddress(t *testing.T) {
	h := hash.SumString(hash.SHA256, "abc")
	for m, want := range map[Method]string{
		Flat: "fixed:sha256:1b8m03r63zqhnjf7l5wnldhh7c134ap5vpj0850ymkq1iyzicy5s",
		NAR:  "fixed:r:sha256:1b8m03r63zqhnjf7l5wnldhh7c134ap5vpj0850ymkq1iyzicy5s",
		Text: "text:sha256:1b8m03r63zqhnjf7l5wnldhh7c134ap5vpj0850ymkq1iyzicy5s",
		Git:  "fixed:git:sha256:1b8m03r63zqhnjf7l5wnldhh7c134ap5vpj0850ymkq1iyzicy5s",
	} {
		ca := ContentAddress{m, h}
		if ca.String() != want {
			t.Errorf("got %s, want %s", ca, want)
		}
		if back, err := ParseContentAddress(want); err != nil || back != ca {
			t.Errorf("%s is %v, %v", want, back, err)
		}
		if back, rest := ParseMethodPrefix(m.Prefix() + "sha256"); back != m || rest != "sha256" {
			t.Errorf("prefix of %s", m)
		}
		if back, err := ParseMethod(m.String()); err != nil || back != m {
			t.Errorf("name of %s", m)
		}
	}
	for in, want := range map[string]string{
		"foo":          "not a content address because it is not in the form '<prefix>:<rest>': foo",
		"foo:x":        "content address prefix 'foo' is unrecognized. Recogonized prefixes are 'text' or 'fixed'",
		"fixed:sha256": "content address hash must be in form '<algo>:<hash>', but found: fixed:sha256",
		"text:x:y":     "unknown hash algorithm 'x', expect 'blake3', 'md5', 'sha1', 'sha256', or 'sha512'",
	} {
		if _, err := ParseContentAddress(in); err == nil || err.Error() != want {
			t.Errorf("%s: %v", in, err)
		}
	}
	if ca, err := ParseContentAddress(""); err != nil || !ca.IsZero() || ca.String() != "" {
		t.Error("no address")
	}
}

func FuzzParse(f *testing.F) {
	f.Add("/nix/store/s66mzxpvicwk07gjbjfw9izjfa797vsw-hello")
	f.Add("/nix/store/../x")
	f.Fuzz(func(t *testing.T, s string) {
		p, err := nix.Parse(s)
		if err != nil {
			return
		}
		if back, err := nix.Parse(nix.Print(p)); err != nil || back != p {
			t.Errorf("%q is %s, which is %s, %v", s, p, back, err)
		}
	})
}
