package derivation

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed192a40f6/glang/store/hash"
	"github.com/seed192a40f6/glang/store/storepath"
)

var nix = storepath.Nix("/nix/store")

// testStore has derivations that the reference instantiated, of every kind.
const testStore = "testdata/store"

func load(t testing.TB, dir, base string) (*Derivation, []byte) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, base))
	if err != nil {
		t.Fatal(err)
	}
	p, err := storepath.ParseBase(base)
	if err != nil {
		t.Fatal(err)
	}
	d, err := Parse(nix, p.DrvName(), text)
	if err != nil {
		t.Fatalf("%s: %v", base, err)
	}
	return d, text
}

func lookup(dir string) func(storepath.Path) (*Derivation, error) {
	return func(p storepath.Path) (*Derivation, error) {
		text, err := os.ReadFile(filepath.Join(dir, p.String()))
		if err != nil {
			return nil, err
		}
		return Parse(nix, p.DrvName(), text)
	}
}

func drvs(t testing.TB, dir string) []string {
	t.Helper()
	files, err := filepath.Glob(dir + "/*.drv")
	if err != nil || len(files) == 0 {
		t.Fatal("no derivations in ", dir, err)
	}
	for i, file := range files {
		files[i] = filepath.Base(file)
	}
	return files
}

// unfilled takes out of d what FillOutputs puts in.
func unfilled(d *Derivation) *Derivation {
	d = d.Clone()
	for name, o := range d.Outputs {
		o.Path = storepath.Path{}
		if o.Kind == InputAddressed {
			o.Kind = Deferred
		}
		if o.Kind == Deferred || o.Kind == Fixed {
			d.Env[name] = ""
		}
		d.Outputs[name] = o
	}
	return d
}

// Every derivation of the test store, and of the one that the environment
// variable names if it is set, is printed as it was read, and its paths and
// its name are computed anew.
func TestStore(t *testing.T) {
	dirs := []string{testStore}
	if dir := os.Getenv("GLANG_TEST_DRV_DIR"); dir != "" {
		dirs = append(dirs, dir)
	}
	for _, dir := range dirs {
		h := NewHasher(nix, lookup(dir))
		for _, base := range drvs(t, dir) {
			d, want := load(t, dir, base)
			if got := d.ATerm(nix); !bytes.Equal(got, want) {
				t.Errorf("%s: printed (-want +got)\n%s", base, cmp.Diff(string(want), string(got)))
			}
			if p, err := Path(nix, d); err != nil || p.String() != base {
				t.Errorf("%s: path %s, %v", base, p, err)
			}
			if err := h.Check(d); err != nil {
				t.Errorf("%s: %v", base, err)
			}
			filled := unfilled(d)
			if err := h.FillOutputs(filled); err != nil {
				t.Errorf("%s: %v", base, err)
			}
			if diff := cmp.Diff(d, filled, cmp.AllowUnexported(storepath.Path{}, hash.Hash{})); diff != "" {
				t.Errorf("%s: filled (-want +got)\n%s", base, diff)
			}
			p, got, err := h.Finish(unfilled(d))
			if err != nil || p.String() != base || !bytes.Equal(got, want) {
				t.Errorf("%s: finished as %s, %v\n%s", base, p, err, cmp.Diff(string(want), string(got)))
			}
			js, err := json.Marshal(d)
			if err != nil {
				t.Fatal(err)
			}
			back := new(Derivation)
			if err := json.Unmarshal(js, back); err != nil {
				t.Fatal(err)
			}
			if got := back.ATerm(nix); !bytes.Equal(got, want) {
				t.Errorf("%s: after JSON (-want +got)\n%s", base, cmp.Diff(string(want), string(got)))
			}
			if _, err := d.Options(); err != nil {
				t.Errorf("%s: %v", base, err)
			}
		}
	}
}

// Derivations made in one go, the inputs before what needs them, never look
// one up; several goroutines may make them.
func TestFinishConcurrently(t *testing.T) {
	h := NewHasher(nix, lookup(testStore))
	var wg sync.WaitGroup
	for range 4 {
		for _, base := range drvs(t, testStore) {
			d, _ := load(t, testStore, base)
			wg.Go(func() {
				if p, _, err := h.Finish(unfilled(d)); err != nil || p.String() != base {
					t.Errorf("%s: got %s, %v", base, p, err)
				}
			})
		}
	}
	wg.Wait()
}

func TestFinishRemembers(t *testing.T) {
	h := NewHasher(nix, func(p storepath.Path) (*Derivation, error) {
		t.Errorf("%s was looked up", p)
		return nil, errors.New("not here")
	})
	for _, base := range []string{"xx8rwh99hrh14xdak4dcgr8s08cbywv8-fx.drv", "9vnl0kgvcg78bl2ll873rh892mai8lw1-fx2.drv", "plqldq3cpr45xpjs69kgiv0qxfdlqd5z-st.drv", "rfn1ixhyp839y2z5g5hzlw61849psmv8-many.drv"} {
		d, _ := load(t, testStore, base)
		if p, _, err := h.Finish(d); err != nil || p.String() != base {
			t.Errorf("%s: got %s, %v", base, p, err)
		}
	}
}

// The form of the reference's `derivation show`.
func TestJSON(t *testing.T) {
	text, err := os.ReadFile("testdata/show.json")
	if err != nil {
		t.Fatal(err)
	}
	var show struct{ Derivations map[string]json.RawMessage }
	if err := json.Unmarshal(text, &show); err != nil {
		t.Fatal(err)
	}
	for base, want := range show.Derivations {
		d, _ := load(t, testStore, base)
		got, err := d.MarshalJSON()
		if diff := cmp.Diff(string(want), string(got)); err != nil || diff != "" {
			t.Errorf("%s: %v (-want +got)\n%s", base, err, diff)
		}
	}
	if len(show.Derivations) < 9 {
		t.Errorf("%d derivations", len(show.Derivations))
	}
}

func TestJSONErrors(t *testing.T) {
	const ok = `{"args":[],"builder":"b","env":{},"inputs":{"drvs":{},"srcs":[]},"name":"n","outputs":{"out":{}},"system":"s","version":4}`
	d := new(Derivation)
	if err := json.Unmarshal([]byte(ok), d); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ old, new, want string }{
		{`"version":4`, `"version":3`, "Unsupported derivation JSON format version 3, only format version 4 is currently supported."},
		{`"name":"n"`, `"name":1`, "Expected JSON value to be of type 'string' but it is of type 'number': 1"},
		{`"out":{}`, `"out":{"path":"x","hash":"y"}`, "invalid JSON for derivation output"},
		{`"out":{}`, `"out":{"path":"x"}`, "'x' is too short to be a valid store path"},
		{`"out":{}`, `"out":{"method":"x","hashAlgo":"sha1"}`, "Unknown file ingestion method 'x', expect `flat`, `nar`, or `git`"},
		{`"srcs":[]`, `"srcs":{}`, "Expected JSON value to be of type 'array' but it is of type 'object': {}"},
		{`"env":{}`, `"env":{"__json":"{}"}`, "Cannot have an environment variable named '__json'. This key is reserved for encoding structured attrs"},
		{`"drvs":{},`, ``, `Expected JSON object to contain key 'drvs' but it doesn't: {"srcs":[]}`},
	} {
		in := strings.Replace(ok, c.old, c.new, 1)
		if err := new(Derivation).UnmarshalJSON([]byte(in)); err == nil || err.Error() != c.want {
			t.Errorf("%s: %v, want %s", in, err, c.want)
		}
	}
}

func TestCanonicalJSON(t *testing.T) {
	for in, want := range map[string]string{
		`{ "b": [1, -0, 2.50, 1e3, 1E-7, 123456789012345678901234567890], "a": null }`: `{"a":null,"b":[1,0,2.5,1000.0,1e-07,1.2345678901234568e+29]}`,
		`[0.0001, 0.00001, 123456789012345.0, 1e15, 18446744073709551615]`:             `[0.0001,1e-05,123456789012345.0,1e+15,18446744073709551615]`,
		`"\u0001\u2028é<\/"`: "\"\\u0001\u2028é</\"",
		`[true,false,1.0]`:   `[true,false,1.0]`,
	} {
		got, err := appendCanonicalJSON(nil, []byte(in))
		if err != nil || string(got) != want {
			t.Errorf("%s became %s, %v; want %s", in, got, err, want)
		}
	}
}

func TestParseErrors(t *testing.T) {
	const ok = `Derive([("out","","","")],[],[],"s","b",[],[("a","x")])`
	if _, err := Parse(nix, "n", []byte(ok)); err != nil {
		t.Fatal(err)
	}
	const p = "/nix/store/mxh1j6xd59a3pqm6i39fvmx6sc4w831b-ca"
	for _, c := range []struct{ old, new, want string }{
		{`Derive`, `Foo`, "expected string 'D'"},
		{`Derive`, `D`, "derivation does not start with 'Derive' or 'DrvWithVersion'"},
		{`Derive(`, `DrvWithVersion("x",`, "Unknown derivation ATerm format version 'x'"},
		{`Derive(`, `DrvWithVersion("xp-dyn-drv",`, "derivation has the wrong ATerm format version for its inputs"},
		{`"s","b"`, `"s" "b"`, "expected string ','"},
		{`"x")])`, `"x`, "unterminated string in derivation"},
		{`"x")])`, `"x\`, "unterminated string in derivation"},
		{`"x"`, `"\x"`, `unknown escape sequence '\x' in derivation`},
		{`"x"`, "\"\n\"", "control character in string in derivation is not escaped"},
		{`("a","x")`, `("b","x"),("a","x")`, "'a' is out of order in derivation"},
		{`("a","x")`, `("a","x"),("a","x")`, "'a' is out of order in derivation"},
		{`("a","x")`, `,("a","x")`, "expected string '('"},
		{`"","",""`, `"","sha3",""`, "unknown hash algorithm 'sha3', expect 'blake3', 'md5', 'sha1', 'sha256', or 'sha512'"},
		{`"","",""`, `"","md5","impure2"`, "bad path '' in derivation"},
		{`"","",""`, `"` + p + `","md5","impure"`, "impure derivation output should not specify output path"},
		{`"","",""`, `"` + p + `","md5",""`, "content-addressing derivation output should not specify output path"},
		{`"","",""`, `"` + p + `","md5","00"`, "hash '00' has wrong length for hash algorithm 'md5'"},
		{`"","",""`, `"` + p + `","md5","900150983cd24fb0d6963f7d28e17f72"`, "derivation has incorrect output '" + p + "', should be '/nix/store/4xcn7wxl41mjszq5dai41y6s447lj5w7-n'"},
		{`"","",""`, `"nix","",""`, "bad path 'nix' in derivation"},
		{`[],[]`, `[],["/x"]`, `path "/x" is not in the Nix store`},
		{`[],[]`, `[],["/nix/store/` + p[4:] + `"]`, `path "/nix/store/store/` + p[11:] + `" is not in the Nix store`},
		{`[],[]`, `[],["/nix//store/` + p[11:] + `"]`, `path '/nix//store/` + p[11:] + `' in derivation is not canonical`},
		{`[],[]`, `[("` + p + `",(["out"],[]))],[]`, "expected string '['"},
		{`"x")])`, `"x")]) `, "garbage at the end of derivation"},
	} {
		in := strings.Replace(ok, c.old, c.new, 1)
		_, err := Parse(nix, "n", []byte(in))
		var fe *FormatError
		if err == nil || err.Error() != c.want || !errors.As(err, &fe) {
			t.Errorf("%s: %v, want %s", in, err, c.want)
		}
	}
}

func TestType(t *testing.T) {
	sha := FixedOutput(storepath.Flat, hash.SumString(hash.SHA256, ""))
	for _, c := range []struct {
		outputs map[string]Output
		want    string
	}{
		{nil, "must have at least one output"},
		{map[string]Output{"out": {}, "x": {Kind: Impure}}, "can't mix derivation output types"},
		{map[string]Output{"x": sha}, `single fixed output must be named "out"`},
		{map[string]Output{"a": {Kind: Floating, Algo: hash.MD5}, "b": {Kind: Floating, Algo: hash.SHA1}}, "all floating outputs must use the same hash algorithm"},
	} {
		d := &Derivation{Outputs: c.outputs}
		if _, err := d.Type(); err == nil || err.Error() != c.want {
			t.Errorf("%v: %v", c.outputs, err)
		}
	}
}

func TestWrongPaths(t *testing.T) {
	h := NewHasher(nix, lookup(testStore))
	d, _ := load(t, testStore, "rfn1ixhyp839y2z5g5hzlw61849psmv8-many.drv")
	d.Env["a"] = "changed"
	want := "derivation has incorrect output '/nix/store/3qhwb5ka58ymy96b58lg6z9d0fhphyid-many-doc', should be '"
	if err := h.Check(d); err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Error(err)
	}
	u := unfilled(d)
	u.Env["lib"] = "wrong"
	if err := h.FillOutputs(u); err == nil || !strings.HasPrefix(err.Error(), "derivation has incorrect environment variable 'lib', should be '/nix/store/") {
		t.Error(err)
	}
	d.InputDrvs[mustBase(t, "xx8rwh99hrh14xdak4dcgr8s08cbywv8-fx.drv")] = InputOutputs{Names: []string{"dev"}}
	if err := h.Check(d); err == nil || err.Error() != "no hash for output 'dev' of derivation 'many'" {
		t.Error(err)
	}
	fx, _ := load(t, testStore, "xx8rwh99hrh14xdak4dcgr8s08cbywv8-fx.drv")
	delete(fx.Env, "out")
	if err := h.Check(fx); err == nil || err.Error() != "derivation has missing environment variable 'out', should be '/nix/store/h5ck3iac30i668850qp66x7vaa9ifqv0-fx' but is not present" {
		t.Error(err)
	}
}

func mustBase(t *testing.T, base string) storepath.Path {
	t.Helper()
	p, err := storepath.ParseBase(base)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// The reference resolved the one derivation to the other.
func TestResolve(t *testing.T) {
	h := NewHasher(nix, lookup(testStore))
	d, _ := load(t, testStore, "sd8raswn5wq3gqpvivydvp9ab1kd4bd8-resdef.drv")
	out := mustBase(t, "5k9m1zzsqqhfdgyq4n9384rndagvv2ma-resca")
	r, ok, err := h.Resolve(d, func(drv storepath.Path, names []string) (storepath.Path, bool) {
		return out, drv.String() == "rvxf5vsh5ld5mv651rhk4rlv00q5a86p-resca.drv" && len(names) == 1 && names[0] == "out"
	})
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	_, want := load(t, testStore, "y8mdmc1mpvaaipc0b30a5bbl5x522k9y-resdef.drv")
	if diff := cmp.Diff(string(want), string(r.ATerm(nix))); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if _, ok, err := h.Resolve(d, func(storepath.Path, []string) (storepath.Path, bool) { return out, false }); ok || err != nil {
		t.Error(ok, err)
	}
	if ok, err := d.ShouldResolve(false); !ok || err != nil {
		t.Error("a deferred derivation needs no resolving", err)
	}
	many, _ := load(t, testStore, "rfn1ixhyp839y2z5g5hzlw61849psmv8-many.drv")
	if ok, err := many.ShouldResolve(true); ok || err != nil {
		t.Error("an input-addressed derivation needs resolving", err)
	}
	// The options name placeholders as the environment does.
	in := d.InputPlaceholders(nix)[d.Env["builder"]]
	if !in.Drv.IsZero() {
		t.Error("the builder is a placeholder")
	}
	orig, _ := load(t, testStore, "sd8raswn5wq3gqpvivydvp9ab1kd4bd8-resdef.drv")
	if in := orig.InputPlaceholders(nix)[orig.Env["ca"]]; in.Drv.Name() != "resca.drv" {
		t.Errorf("placeholder of %v", in)
	}
}

func TestOptions(t *testing.T) {
	n := func(n uint64) *uint64 { return &n }
	for _, c := range []struct {
		env  map[string]string
		want *Options
		err  string
	}{
		{env: nil, want: &Options{Checks: OutputChecks{IgnoreSelfRefs: true}, AllowSubstitutes: true}},
		{
			env: map[string]string{
				"allowedReferences": "out  /nix/store/x\tout", "disallowedRequisites": "a", "allowedRequisites": "",
				"passAsFile": "b a", "exportReferencesGraph": "g1 /p1\ng2 /p2", "__noChroot": "1", "preferLocalBuild": "true",
				"allowSubstitutes": "", "impureEnvVars": "http_proxy", "requiredSystemFeatures": "kvm big-parallel", "__impureHostDeps": "/x",
			},
			want: &Options{
				Checks: OutputChecks{
					IgnoreSelfRefs: true, AllowedReferences: []string{"/nix/store/x", "out"}, HasAllowedReferences: true,
					AllowedRequisites: []string{}, HasAllowedRequisites: true, DisallowedRequisites: []string{"a"},
				},
				PassAsFile:            []string{"a", "b"},
				ExportReferencesGraph: map[string][]string{"g1": {"/p1"}, "g2": {"/p2"}},
				NoChroot:              true, ImpureEnvVars: []string{"http_proxy"}, ImpureHostDeps: []string{"/x"},
				RequiredSystemFeatures: []string{"big-parallel", "kvm"},
			},
		},
		{env: map[string]string{"exportReferencesGraph": "a b c"}, err: "odd number of tokens in 'exportReferencesGraph': 'a b c'"},
		{env: map[string]string{"exportReferencesGraph": "a/b c"}, err: "invalid file name 'a/b' in 'exportReferencesGraph'"},
		{
			env: map[string]string{"__json": `{"outputChecks":{"out":{"maxSize":5,"allowedReferences":[],"disallowedReferences":["dev"]}},"preferLocalBuild":true,"unsafeDiscardReferences":{"out":true},"exportReferencesGraph":{"g":["/b",["/a"]]},"maxSize":1,"requiredSystemFeatures":["kvm"]}`, "preferLocalBuild": "", "passAsFile": "x"},
			want: &Options{
				OutputChecks: map[string]OutputChecks{"out": {
					MaxSize: n(5), AllowedReferences: []string{}, HasAllowedReferences: true, DisallowedReferences: []string{"dev"},
				}},
				PreferLocalBuild: true, AllowSubstitutes: true,
				UnsafeDiscardReferences: map[string]bool{"out": true},
				ExportReferencesGraph:   map[string][]string{"g": {"/a", "/b"}},
				RequiredSystemFeatures:  []string{"kvm"},
				Warnings: []string{
					"'structuredAttrs' disables the effect of the top-level attribute 'maxSize'; use 'outputChecks' instead",
					"'structuredAttrs' disables the effect of the top-level attribute 'passAsFile'; because all JSON is always passed via file",
				},
			},
		},
		{env: map[string]string{"__json": `{"preferLocalBuild":"1"}`}, err: `while parsing attribute "preferLocalBuild": Expected JSON value to be of type 'boolean' but it is of type 'string': "1"`},
		{env: map[string]string{"__json": `{"exportReferencesGraph":{"g":1}}`}, err: "'exportReferencesGraph' value is not an array or a string"},
		{env: map[string]string{"__json": `null`}, err: "cannot process __json attribute: it is no JSON object"},
	} {
		got, err := (&Derivation{Env: c.env}).Options()
		if c.err != "" {
			if err == nil || err.Error() != c.err {
				t.Errorf("%v: %v, want %s", c.env, err, c.err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%v: %v", c.env, err)
			continue
		}
		if _, ok := c.env["__json"]; ok == (got.Structured == nil) {
			t.Errorf("%v: structured attributes %v", c.env, got.Structured)
		}
		got.Structured = nil
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%v (-want +got)\n%s", c.env, diff)
		}
	}
}

// What the parser accepts is printed as the same bytes.
func FuzzParse(f *testing.F) {
	for _, base := range drvs(f, testStore) {
		_, text := load(f, testStore, base)
		f.Add(base, text)
	}
	f.Fuzz(func(t *testing.T, base string, text []byte) {
		p, err := storepath.ParseBase(base)
		if err != nil {
			return
		}
		d, err := Parse(nix, p.DrvName(), text)
		if err != nil {
			return
		}
		if got := d.ATerm(nix); !bytes.Equal(got, text) {
			t.Errorf("%q\nbecame %q", text, got)
		}
	})
}

func BenchmarkFinish(b *testing.B) {
	h := NewHasher(nix, lookup(testStore))
	d, _ := load(b, testStore, "rfn1ixhyp839y2z5g5hzlw61849psmv8-many.drv")
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := h.Finish(d); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParse(b *testing.B) {
	_, text := load(b, testStore, "rfn1ixhyp839y2z5g5hzlw61849psmv8-many.drv")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse(nix, "many", text); err != nil {
			b.Fatal(err)
		}
	}
}

// TestSpecial compares the search by words with one by bytes, for every byte
// at every place of a word, alone and beside others.
func TestSpecial(t *testing.T) {
	for c := range 256 {
		for at := range 20 {
			for _, fill := range []byte{'a', 0x80, 0xff, 0x01, ' ', '!'} {
				b := bytes.Repeat([]byte{fill}, 20)
				b[at] = byte(c)
				s := string(b)
				if got, want := special(s), strings.IndexAny(s, "\"\\\n\r\t"); got != want {
					t.Fatalf("special(%q) = %d, want %d", s, got, want)
				}
			}
		}
	}
}
