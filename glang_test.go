package glang_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed192a40f6/glang"
	"github.com/seed192a40f6/glang/lang/diag"
)

// A whole embedding: files from a tree of the host's, a host function, limits,
// and a configuration decoded into a struct.
func Example() {
	files := fstest.MapFS{
		"app/config.nix":  {Data: []byte(`{ env }: import ./base.nix // { name = "app-${env}"; ports = map offset [ 0 1 ]; }`)},
		"app/base.nix":    {Data: []byte(`{ debug = false; tags.team = "core"; never = throw "not evaluated"; }`)},
		"app/default.nix": {Data: []byte(`import ./config.nix { env = "test"; }`)},
	}
	e, err := glang.New(glang.Options{
		Files:   files,
		Globals: map[string]any{"offset": func(n int) int { return 8000 + n }},
		Fuel:    1_000_000,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	v, err := e.EvalFile(ctx, "/app")
	if err != nil {
		fmt.Println(e.FormatError(err))
		return
	}
	var config struct {
		Name  string
		Debug bool
		Ports []uint16
		Tags  map[string]string
	}
	if err := v.Decode(ctx, &config); err != nil {
		fmt.Println(e.FormatError(err))
		return
	}
	fmt.Printf("%+v\n", config)
	// Output: {Name:app-test Debug:false Ports:[8000 8001] Tags:map[team:core]}
}

func ExampleEvaluator_Eval() {
	e, _ := glang.New(glang.Options{})
	v, err := e.Eval(context.Background(), `builtins.concatStringsSep ", " (map (n: "<${n}>") [ "a" "b" ])`)
	fmt.Println(v, err)
	// Output: "<a>, <b>" <nil>
}

func ExampleEvaluator_EvalWith() {
	e, _ := glang.New(glang.Options{})
	v, err := e.EvalWith(context.Background(), `{ greeting = "Hello, ${name}!"; }`, map[string]any{"name": "world"})
	if err != nil {
		fmt.Println(e.FormatError(err))
		return
	}
	text, err := v.JSON(context.Background())
	fmt.Println(string(text), err)
	// Output: {"greeting":"Hello, world!"} <nil>
}

// ErrorJSON tells an editor or a web page where an error is.
func ExampleEvaluator_ErrorJSON() {
	e, _ := glang.New(glang.Options{Notes: true})
	_, err := e.Eval(context.Background(), "let port = 80; in prot + 1")
	fmt.Println(string(e.ErrorJSON(err)))
	// Output:
	// {"kind":"undefined-variable","message":"undefined variable 'prot'","spans":[{"file":"«string»","line":1,"column":19,"endLine":1,"endColumn":23,"excerpt":"let port = 80; in prot + 1"}],"frames":[],"notes":[],"suggestions":["port"],"also":[]}
}

func ExampleEvaluator_EvalFile() {
	e, _ := glang.New(glang.Options{Files: fstest.MapFS{"x.nix": {Data: []byte("{ a = 1 + 1; }")}}})
	v, _ := e.EvalFile(context.Background(), "x.nix")
	a, err := v.Attr(context.Background(), "a")
	fmt.Println(a, err)
	// Output: 2 <nil>
}

func ExampleEvaluator_Value() {
	e, _ := glang.New(glang.Options{})
	type user struct {
		Name string
		ID   int `glang:"uid"`
	}
	v, _ := e.Value([]user{{"ann", 1}, {"bob", 2}})
	names, _ := e.Eval(context.Background(), `users: map (u: "${u.name}=${toString u.uid}") users`)
	list, _ := names.Call(context.Background(), v)
	x, err := list.Go(context.Background())
	fmt.Println(x, err)
	// Output: [ann=1 bob=2] <nil>
}

func ExampleEvaluator_FormatError() {
	e, _ := glang.New(glang.Options{})
	_, err := e.Eval(context.Background(), "{ a = 1;\n  b = }")
	fmt.Println(e.FormatError(err))
	// Output:
	// error: syntax error, unexpected '}'
	//        at «string»:2:7:
	//             1| { a = 1;
	//             2|   b = }
	//              |       ^
}

func ExampleValue_Call() {
	e, _ := glang.New(glang.Options{})
	add, _ := e.Eval(context.Background(), "a: { b, c ? 10 }: a + b + c")
	sum, err := add.Call(context.Background(), 1, map[string]int{"b": 2})
	fmt.Println(sum, err)
	// Output: 13 <nil>
}

func ExampleValue_Attr() {
	e, _ := glang.New(glang.Options{})
	v, _ := e.Eval(context.Background(), `{ server.ports = [ 80 443 ]; broken = abort "never reached"; }`)
	ports, _ := v.Attr(context.Background(), "server", "ports")
	second, err := ports.Index(context.Background(), 1)
	fmt.Println(v.Names(), ports.Type(), ports.Len(), second, err)
	// Output: [broken server] list 2 443 <nil>
}

func ExampleValue_Lookup() {
	e, _ := glang.New(glang.Options{})
	v, _ := e.Eval(context.Background(), `{ server.port = 80; }`)
	for _, name := range []string{"port", "host"} {
		x, ok, err := v.Lookup(context.Background(), "server", name)
		fmt.Println(name, ok, x, err)
	}
	// Output:
	// port true 80 <nil>
	// host false <none> <nil>
}

func ExampleValue_DecodeStrict() {
	e, _ := glang.New(glang.Options{})
	v, _ := e.Eval(context.Background(), `{ server = { port = 80; hots = "::1"; }; }`)
	var config struct {
		Server struct {
			Port uint16
			Host netip.Addr
		}
	}
	fmt.Println(v.DecodeStrict(context.Background(), &config))
	// Output: server: a Go struct { Port uint16; Host netip.Addr } has no field for the attribute 'hots'; did you mean host?
}

func ExampleAs() {
	e, _ := glang.New(glang.Options{})
	v, _ := e.Eval(context.Background(), `map (n: n * n) [ 1 2 3 ]`)
	squares, err := glang.As[[]int](context.Background(), v)
	fmt.Println(squares, err)
	// Output: [1 4 9] <nil>
}

func ExampleValue_JSON() {
	e, _ := glang.New(glang.Options{})
	v, _ := e.Eval(context.Background(), `{ b = [ 1 2.5 null ]; a = "x"; }`)
	text, err := v.JSON(context.Background())
	fmt.Println(string(text), err)
	// Output: {"a":"x","b":[1,2.5,null]} <nil>
}

func evaluator(t *testing.T, opts glang.Options) *glang.Evaluator {
	t.Helper()
	e, err := glang.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestGo(t *testing.T) {
	e := evaluator(t, glang.Options{Globals: map[string]any{
		"num": int8(3), "list": [2]string{"a", "b"}, "nothing": nil, "ptr": new(float64),
		"nested": struct {
			A, private int
			B          map[string][]bool
			C          int `glang:"-"`
		}{A: 1, B: map[string][]bool{"x": {true}}},
		"add": func(a int, b float64) float64 { return float64(a) + b },
	}})
	v, err := e.Eval(context.Background(), `{ inherit num list nothing ptr nested; sum = add 1 2; part = map (add 1) [ 0.5 ]; p = /a/b; f = x: x; }`)
	if err != nil {
		t.Fatal(err)
	}
	x, err := v.Go(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	got := x.(map[string]any)
	if f, ok := got["f"].(glang.Value); !ok || f.Type() != "lambda" {
		t.Errorf("function: %v", got["f"])
	}
	delete(got, "f")
	want := map[string]any{
		"num": int64(3), "list": []any{"a", "b"}, "nothing": nil, "ptr": 0.0,
		"nested": map[string]any{"a": int64(1), "b": map[string]any{"x": []any{true}}},
		"sum":    3.0, "part": []any{1.5}, "p": "/a/b",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestNoValue(t *testing.T) {
	for name, x := range map[string]any{
		"chan": make(chan int), "func without parameters": func() int { return 1 },
		"func without result": func(int) {}, "variadic": func(...int) int { return 1 },
	} {
		e, err := glang.New(glang.Options{Globals: map[string]any{"x": x}})
		if err == nil {
			_, err = e.Eval(context.Background(), "x")
		}
		if err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	e := evaluator(t, glang.Options{})
	if _, err := e.Value("a\x00b"); err == nil {
		t.Error("a string with a NUL byte was accepted")
	}
	if _, err := e.Value(uint64(1 << 63)); err == nil {
		t.Error("an integer beyond int64 was accepted")
	}
	other, err := evaluator(t, glang.Options{}).Value(1)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.Value(other); err == nil {
		t.Error("a value of another evaluator was accepted")
	}
}

// Types of the standard library and embedded structs come and go as Go programs expect.
func TestGoTypes(t *testing.T) {
	type Base struct {
		Name string
		ID   int `glang:"uid"`
	}
	type deep struct{ Level int }
	type config struct {
		Base
		*Other
		deep
		Addr  netip.Addr
		Since *time.Time
		Pair  [2]int
		Hosts map[string]netip.Prefix
	}
	e := evaluator(t, glang.Options{})
	since := time.Date(2020, 1, 2, 3, 4, 5, 0, time.UTC)
	want := config{Base{"n", 7}, &Other{"o"}, deep{3}, netip.MustParseAddr("::1"), &since, [2]int{1, 2},
		map[string]netip.Prefix{"a": netip.MustParsePrefix("10.0.0.0/8")}}
	v, err := e.Value(want)
	if err != nil {
		t.Fatal(err)
	}
	text, err := v.JSON(context.Background())
	if err != nil || string(text) != `{"addr":"::1","extra":"o","hosts":{"a":"10.0.0.0/8"},"level":3,"name":"n","pair":[1,2],"since":"2020-01-02T03:04:05Z","uid":7}` {
		t.Errorf("%s, %v", text, err)
	}
	got, err := glang.As[config](context.Background(), v)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v", got, err)
	}
	if err := v.DecodeStrict(context.Background(), &got); err != nil {
		t.Error(err)
	}
	v, err = e.Value(config{})
	if err != nil || v.Len() != 7 { // without the fields of the pointer that is nil
		t.Errorf("%v, %v", v, err)
	}
	v, err = e.Eval(context.Background(), `{ addr = "x"; pair = [ 1 ]; }`)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := glang.As[struct{ Addr netip.Addr }](context.Background(), v); err == nil || !strings.HasPrefix(err.Error(), "addr: ") {
		t.Errorf("error %v", err)
	}
	if _, err := glang.As[struct{ Pair [2]int }](context.Background(), v); err == nil {
		t.Error("a list of one became an array of two")
	}
}

// Other is exported, so that a pointer to it can be embedded.
type Other struct{ Extra string }

func TestEvalWith(t *testing.T) {
	e := evaluator(t, glang.Options{})
	ctx := context.Background()
	v, err := e.EvalWith(ctx, `map f xs`, map[string]any{"f": func(n int) int { return n + 1 }, "xs": []int{1, 2}, "map": nil})
	if err == nil {
		t.Errorf("map is not hidden: %v", v)
	}
	for i := range 3 { // the same text with other values
		v, err := e.EvalWith(ctx, `{ inherit x; y = x + 1; }.y`, map[string]any{"x": i})
		if err != nil || v.String() != fmt.Sprint(i+1) {
			t.Errorf("%v, %v", v, err)
		}
	}
	if _, err := e.EvalWith(ctx, "x", map[string]any{"x": make(chan int)}); err == nil || !strings.HasPrefix(err.Error(), "x: ") {
		t.Errorf("error %v", err)
	}
	if _, _, err := (glang.Value{}).Lookup(ctx, "a"); err == nil {
		t.Error("the zero Value was looked into")
	}
	v, err = e.Eval(ctx, `{ a = throw "no"; b = 1; }`)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok, err := v.Lookup(ctx, "a"); ok || err == nil {
		t.Errorf("%v, %v", ok, err)
	}
	if _, ok, err := v.Lookup(ctx, "b", "c"); ok || err != nil {
		t.Errorf("%v, %v", ok, err)
	}
}

// A deadline is the context's error, and a fault of the host's function ends
// that evaluation only.
func TestHostFaults(t *testing.T) {
	e := evaluator(t, glang.Options{Globals: map[string]any{"boom": func(int) int { panic("boom") }}})
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if _, err := e.Eval(ctx, `builtins.foldl' (a: b: a + b) 0 (builtins.genList (n: n) 100000000)`); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v", err)
	}
	v, err := e.Eval(context.Background(), "{ x = boom 1; }")
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := v.Attr(context.Background(), "x"); err == nil || !strings.Contains(err.Error(), "boom") {
			t.Errorf("error %v", err)
		}
	}
}

func TestDecodeMismatch(t *testing.T) {
	e := evaluator(t, glang.Options{})
	v, err := e.Eval(context.Background(), `{ a = [ { b = "text"; } ]; }`)
	if err != nil {
		t.Fatal(err)
	}
	var target struct{ A []struct{ B int } }
	err = v.Decode(context.Background(), &target)
	if err == nil || !strings.Contains(err.Error(), "a: element 0: b: ") {
		t.Errorf("error %v", err)
	}
	if err := v.Decode(context.Background(), target); err == nil {
		t.Error("decoding into a struct by value gave no error")
	}
}

// A host function may evaluate what it is given, through its context, and its
// errors come back to the caller as they are.
func TestHostFunctions(t *testing.T) {
	sentinel := errors.New("host says no")
	e := evaluator(t, glang.Options{Globals: map[string]any{
		"twice": func(ctx context.Context, f glang.Value, x any) (glang.Value, error) {
			once, err := f.Call(ctx, x)
			if err != nil {
				return glang.Value{}, err
			}
			return f.Call(ctx, once)
		},
		"refuse": func(string) (int, error) { return 0, sentinel },
		"adder":  func(n int) func(int) int { return func(k int) int { return n + k } },
	}})
	ctx := context.Background()
	v, err := e.Eval(ctx, `let x = 1; in twice (y: y + x) x + adder 1 2`)
	if err != nil || v.String() != "6" {
		t.Errorf("%v, %v", v, err)
	}
	if _, err := e.Eval(ctx, `refuse "x"`); !errors.Is(err, sentinel) {
		t.Errorf("error %v", err)
	}
	_, err = e.Eval(ctx, `twice (y: throw "inside") 1`)
	var d *glang.Error
	if !errors.As(err, &d) || d.Kind != diag.Throw {
		t.Errorf("error %v", err)
	}
	if _, err := e.Eval(ctx, `let x = twice (y: x) 1; in x`); !errors.As(err, &d) || d.Kind != diag.InfiniteRecursion {
		t.Errorf("error %v", err)
	}
}

func TestLimits(t *testing.T) {
	const loop = `let f = n: f (n + 1); in f 0`
	kind := func(err error) diag.Kind {
		var d *glang.Error
		if !errors.As(err, &d) {
			t.Fatalf("error %v", err)
		}
		return d.Kind
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	_, err := evaluator(t, glang.Options{MaxCallDepth: 1 << 30}).Eval(ctx, `builtins.foldl' (a: b: a + b) 0 (builtins.genList (n: n) 100000000)`)
	if k := kind(err); k != diag.Interrupted && k != diag.Limit {
		t.Errorf("deadline: %v", err)
	}
	_, err = evaluator(t, glang.Options{Fuel: 1000}).Eval(context.Background(), loop)
	if kind(err) != diag.Limit {
		t.Errorf("fuel: %v", err)
	}
	_, err = evaluator(t, glang.Options{Memory: 50 << 20}).Eval(context.Background(), `builtins.stringLength (builtins.foldl' (a: b: a + a) "x" (builtins.genList (n: n) 40))`)
	if kind(err) != diag.Limit {
		t.Errorf("memory: %v", err)
	}
	_, err = evaluator(t, glang.Options{}).Eval(context.Background(), loop)
	if kind(err) != diag.StackOverflow {
		t.Errorf("depth: %v", err)
	}
}

func TestPure(t *testing.T) {
	files := fstest.MapFS{"in/a.nix": {Data: []byte("1")}, "out/b.nix": {Data: []byte("2")}}
	e := evaluator(t, glang.Options{Files: files, Pure: true, AllowedPaths: []string{"/in"}})
	if v, err := e.EvalFile(context.Background(), "/in/a.nix"); err != nil || v.String() != "1" {
		t.Errorf("allowed file: %v, %v", v, err)
	}
	if v, err := e.Eval(context.Background(), "import /out/b.nix"); err == nil {
		t.Errorf("file outside: %v", v)
	}
}

func TestConcurrent(t *testing.T) {
	e := evaluator(t, glang.Options{Files: fstest.MapFS{
		"fib.nix": {Data: []byte("rec { fib = n: if n < 2 then n else fib (n - 1) + fib (n - 2); x = fib 15; }")}}})
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			v, err := e.EvalFile(context.Background(), "/fib.nix")
			if err != nil {
				t.Error(err)
				return
			}
			if x, err := v.Attr(context.Background(), "x"); err != nil || x.String() != "610" {
				t.Errorf("%v, %v", x, err)
			}
		})
	}
	wg.Wait()
}
