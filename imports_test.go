package glang_test

import (
	"os/exec"
	"strings"
	"testing"
)

const module = "github.com/seed192a40f6/glang"

// levels is the order of the house: a package imports only from below its own
// level. docs/architecture.md says what each holds.
var levels = map[string]int{
	"store/hash": 0, "stdlib": 0, "internal/golden": 0, "internal/xzenc": 0, "internal/lazyre": 0, "internal/toml": 0, "internal/bench": 0, "tests/agreement": 0, "realise/sandbox": 0,
	"lang/ast": 1, "store/storepath": 1, "store/nar": 1, "lang/flakeref": 1, "realise/shell": 1,
	"realise/shell/takeover": 2,
	"lang/diag":              2, "lang/packed": 2,
	"lang/parser": 3, "lang/resolve": 3, "lang/format": 3, "derivation": 3,
	"lang/eval": 4, "store": 4,
	"lang/builtins": 5, "store/binarycache": 5, "store/storetest": 5, "local/evalcache": 5,
	"lang/lsp": 6, "realise": 6,
	"": 7, "profile": 7, "realise/debian": 7, "fetch": 7,
	"local": 8, "realise/debian/relock": 8,
	"cmd/glang": 9,
}

// TestImports holds every package's imports against the table.
func TestImports(t *testing.T) {
	out, err := exec.Command("go", "list", "-f", "{{.ImportPath}} {{join .Imports \" \"}}", "./...").Output()
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, line := range strings.Split(strings.TrimSpace(string(out)), "\n") {
		words := strings.Fields(line)
		pkg := local(words[0])
		level, ok := levels[pkg]
		if !ok {
			t.Errorf("package %q has no level in the table", pkg)
			continue
		}
		seen++
		for _, imp := range words[1:] {
			if !strings.HasPrefix(imp, module) {
				checkForeign(t, pkg, imp)
				continue
			}
			to := local(imp)
			if levels[to] >= level {
				t.Errorf("%q (level %d) imports %q (level %d)", pkg, level, to, levels[to])
			}
			if storeHalf(pkg) && strings.HasPrefix(to, "lang/") {
				t.Errorf("%q is of the store half and imports %q", pkg, to)
			}
			if strings.HasPrefix(pkg, "lang/") && (to == "store" || to == "realise" || to == "local") {
				t.Errorf("%q is of the language half and imports %q", pkg, to)
			}
		}
	}
	if seen != len(levels) {
		t.Errorf("%d packages, %d levels", seen, len(levels))
	}
}

func local(imp string) string { return strings.TrimPrefix(strings.TrimPrefix(imp, module), "/") }

func storeHalf(pkg string) bool {
	for _, dir := range []string{"store", "derivation", "realise", "profile"} {
		if pkg == dir || strings.HasPrefix(pkg, dir+"/") {
			return true
		}
	}
	return false
}

// checkForeign keeps an embedder's binary small: what it links, which is the
// root package and lang/ but the language server, takes only what the language needs.
func checkForeign(t *testing.T, pkg, imp string) {
	first, _, _ := strings.Cut(imp, "/")
	if !strings.Contains(first, ".") || pkg != "" && !strings.HasPrefix(pkg, "lang/") || pkg == "lang/lsp" {
		return
	}
	for _, ok := range []string{"github.com/alecthomas/participle/v2", "golang.org/x/sync"} {
		if imp == ok || strings.HasPrefix(imp, ok+"/") {
			return
		}
	}
	t.Errorf("%q imports %q", pkg, imp)
}
