package stdlib_test

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed192a40f6/glang"
	"github.com/seed192a40f6/glang/stdlib"
)

func evaluator(t *testing.T) *glang.Evaluator {
	t.Helper()
	ev, err := glang.New(glang.Options{System: "x86_64-linux"})
	if err != nil {
		t.Fatal(err)
	}
	return ev
}

// eval gives the JSON of an expression's value.
func eval(t *testing.T, ev *glang.Evaluator, expr string) string {
	t.Helper()
	value, err := ev.Eval(context.Background(), expr)
	if err != nil {
		t.Fatal(ev.FormatError(err))
	}
	return toJSON(t, ev, value)
}

func toJSON(t *testing.T, ev *glang.Evaluator, value glang.Value) string {
	t.Helper()
	text, err := value.JSON(context.Background())
	if err != nil {
		t.Fatal(ev.FormatError(err))
	}
	return string(text)
}

// TestLib evaluates the files of testdata, sets of name = [ result expected ].
func TestLib(t *testing.T) {
	files, err := filepath.Glob("testdata/*.expr")
	if err != nil || len(files) == 0 {
		t.Fatal("no test data", err)
	}
	ctx := context.Background()
	ev := evaluator(t)
	for _, file := range files {
		cases, err := ev.EvalFile(ctx, file)
		if err != nil {
			t.Fatal(ev.FormatError(err))
		}
		for _, name := range cases.Names() {
			t.Run(strings.TrimSuffix(filepath.Base(file), ".expr")+"/"+name, func(t *testing.T) {
				pair, err := cases.Attr(ctx, name)
				if err != nil {
					t.Fatal(ev.FormatError(err))
				}
				if pair.Len() != 2 {
					t.Fatalf("a case is [ result expected ], not a list of %d", pair.Len())
				}
				var sides [2]string
				for i := range sides {
					side, err := pair.Index(ctx, i)
					if err != nil {
						t.Fatal(ev.FormatError(err))
					}
					sides[i] = toJSON(t, ev, side)
				}
				if diff := cmp.Diff(sides[1], sides[0]); diff != "" {
					t.Error(diff)
				}
			})
		}
	}
}

// Every package and every example computes to derivations.
func TestPackages(t *testing.T) {
	ev := evaluator(t)
	store := regexp.MustCompile(`^"/nix/store/[0-9a-z]{32}-[^"]+\.drv"$`)
	for _, name := range []string{"bash", "bzip2", "cc", "coreutils", "cxx", "hello", "lua", "runtime", "sqlite", "tcl", "toolchain", "zlib"} {
		if path := eval(t, ev, "(import <std> { })."+name+".drvPath"); !store.MatchString(path) {
			t.Errorf("%s: %s", name, path)
		}
	}
	examples, err := filepath.Glob("../examples/*.expr")
	if err != nil || len(examples) < 6 {
		t.Fatal("no examples", err)
	}
	for _, file := range examples {
		file, err := filepath.Abs(file)
		if err != nil {
			t.Fatal(err)
		}
		if path := eval(t, ev, "(import "+file+").drvPath"); !store.MatchString(path) {
			t.Errorf("%s: %s", file, path)
		}
	}
}

// The example and the package have the same output: they say the same, if in
// other words, and a fixed output counts by its hash alone.
func TestHelloTwice(t *testing.T) {
	ev := evaluator(t)
	example, err := filepath.Abs("../examples/hello.expr")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(eval(t, ev, "(import <std> { }).hello.outPath"), eval(t, ev, "(import "+example+").outPath")); diff != "" {
		t.Error(diff)
	}
}

func TestPackageSet(t *testing.T) {
	ev := evaluator(t)
	for _, test := range []struct{ expr, want string }{
		// A change below reaches what is built with it.
		{`let changed = import <std> { overlays = [ (final: prev: { zlib = prev.zlib.overrideAttrs { CFLAGS = "-Os"; }; }) ]; };
		  plain = import <std> { };
		  in [ (changed.sqlite.drvPath != plain.sqlite.drvPath) (changed.lua.drvPath == plain.lua.drvPath)
		       (changed.sqlite.buildInputs == [ changed.zlib.dev ]) ]`, `[true,true,true]`},
		{`let inherit (import <std> { }) hello; in [
		    (hello.overrideAttrs (old: { pname = "x" + old.pname; })).name
		    ((hello.overrideAttrs { doCheck = true; }).overrideAttrs (final: prev: { pname = if final.doCheck then "checked" else "no"; })).name
		    (hello.override { fetchDebianSource = name: "/${name}"; }).src
		    ((hello.override { fetchDebianSource = name: "/${name}"; }).overrideAttrs { pname = "y"; }).src
		    ((hello.overrideAttrs { pname = "y"; }).override { fetchDebianSource = name: "/z"; }).name
		    hello.meta.mainProgram hello.pname hello.version
		  ]`, `["xhello-2.10","checked-2.10","/hello","/hello","y-2.10","hello","hello","2.10"]`},
		{`let inherit (import <std> { }) zlib; in
		  [ zlib.outputs zlib.dev.outputName zlib.out.outputName (zlib.dev.outPath != zlib.outPath) zlib.dev.pname (map (o: o.outputName) zlib.all) ]`,
			`[["out","dev"],"dev","out",true,"zlib",["out","dev"]]`},
		{`with import <std> { }; map debian.sourceVersion [ "hello" "zlib" "bzip2" "lua5.4" "sqlite3" ]`,
			`["2.10","1.2.13","1.0.8","5.4.4","3.40.1"]`},
		{`with import <std> { }; [ (builtins.tryEval (fetchDeb "nonsense")).success
		  (builtins.tryEval (fetchurl { url = "http://x/y"; }).drvPath).success
		  (fetchurl { url = "mirror://debian/pool/a_1~2%3a.deb"; sha256 = "` + strings.Repeat("0", 64) + `"; }).name ]`,
			`[false,false,"a_1-2-3a.deb"]`},
		{`with import <std> { }; [ (symlinkJoin { name = "a"; paths = [ hello ]; }).name (writeText "b" hello).name
		  (buildEnv { name = "c"; paths = [ zlib (hello // { meta.priority = 1; }) ]; }).name (runCommand "d" { } "").name
		  (linkFarm "e" { "x/y" = hello; }).name (writeShellScriptBin "f" "").name (unpack { src = hello.src; name = "g"; }).name ]`,
			`["a","b","c","d","e","f","g"]`},
	} {
		if diff := cmp.Diff(test.want, eval(t, ev, test.expr)); diff != "" {
			t.Errorf("%s\n%s", test.expr, diff)
		}
	}
}

// Every file is reachable as <std/…>, and no more than the five parts is embedded.
func TestFS(t *testing.T) {
	entries, err := stdlib.FS.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	if diff := cmp.Diff([]string{"build", "debian", "default.expr", "lib", "pkgs"}, names); diff != "" {
		t.Error(diff)
	}
	text, err := os.ReadFile("build/setup.sh")
	if err != nil {
		t.Fatal(err)
	}
	if got := eval(t, evaluator(t), `builtins.stringLength (builtins.readFile <std/build/setup.sh>)`); got == "0" || len(text) == 0 {
		t.Error("setup.sh is not there")
	}
}
