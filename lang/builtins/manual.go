package builtins

import "github.com/seed192a40f6/glang/lang/eval"

// Entry is a builtin as the manual has it.
type Entry struct {
	eval.BuiltinDef
	// Errors says when it fails, Fails is an expression that does, Cost what it takes.
	Errors, Fails, Cost string
}

// Manual is the table with what the manual says besides the descriptions. It
// is apart from [All] because every start of an evaluator would pay for it.
func Manual() []Entry {
	pages := manual()
	defs := All()
	entries := make([]Entry, len(defs))
	for i, d := range defs {
		p := pages[d.Name]
		if d.Example == "" {
			d.Example = p.example
		}
		entries[i] = Entry{d, p.errors, p.fails, p.cost}
	}
	return entries
}

// page is what the manual says about a builtin besides the table's description.
type page struct {
	errors string // when it fails
	fails  string // an expression that fails in the typical way
	cost   string
	// example is one for those that have none in the table.
	example string
}

// manual has a page for each builtin, in four parts.
func manual() map[string]page {
	all := map[string]page{}
	for _, part := range []map[string]page{manualData(), manualText(), manualWorld(), manualControl()} {
		for name, p := range part {
			all[name] = p
		}
	}
	return all
}

const (
	constant1 = "constant"
	perElem   = "one call of the function for each element"
	// noErrors is for those that accept every value.
	noErrors = "only where evaluating the argument does"
)

// manualData has the builtins on numbers, lists, sets and functions.
func manualData() map[string]page {
	numbers := func(name, sample string) page {
		return page{"an argument that is no number; an integer that does not fit", "builtins." + name + ` 1 "2"`, constant1, sample}
	}
	bits := func(name string) page {
		return page{"an argument that is no integer", "builtins." + name + " 1 1.5", constant1, ""}
	}
	is := func(name, sample string) page {
		return page{noErrors, "builtins." + name + ` (throw "no value")`, constant1, sample}
	}
	return map[string]page{
		"add":            numbers("add", "builtins.add 1 2.5 # => 3.5"),
		"sub":            numbers("sub", "builtins.sub 3 5 # => -2"),
		"mul":            numbers("mul", "builtins.mul 3 1.5 # => 4.5"),
		"div":            {"an argument that is no number; a divisor of 0", "builtins.div 1 0", constant1, ""},
		"bitAnd":         bits("bitAnd"),
		"bitOr":          bits("bitOr"),
		"bitXor":         bits("bitXor"),
		"ceil":           {"an argument that is no number; a result that is no 64-bit integer", `builtins.ceil "1.5"`, constant1, ""},
		"floor":          {"an argument that is no number; a result that is no 64-bit integer", "builtins.floor 1.0e300", constant1, ""},
		"lessThan":       {"values of different types, or of one that has no order", `builtins.lessThan 1 "2"`, "constant; the common prefix of strings and lists", "builtins.lessThan 1 2 # => true"},
		"isAttrs":        is("isAttrs", "builtins.isAttrs { } # => true"),
		"isBool":         is("isBool", "builtins.isBool 0 # => false"),
		"isFloat":        is("isFloat", "builtins.isFloat 1.0 # => true"),
		"isFunction":     is("isFunction", "builtins.isFunction (x: x) # => true"),
		"isInt":          is("isInt", "builtins.isInt 1.0 # => false"),
		"isList":         is("isList", "builtins.isList [ ] # => true"),
		"isNull":         is("isNull", "isNull null # => true"),
		"isPath":         is("isPath", "builtins.isPath /etc # => true"),
		"isString":       is("isString", `builtins.isString "/etc" # => true`),
		"typeOf":         is("typeOf", ""),
		"all":            {"a result of *pred* that is no truth value", "builtins.all (x: x) [ 1 ]", "one call of *pred* for each element up to the first false", ""},
		"any":            {"a result of *pred* that is no truth value", "builtins.any (x: x) [ 1 ]", "one call of *pred* for each element up to the first true", ""},
		"concatLists":    {"an element that is no list", "builtins.concatLists [ [ 1 ] 2 ]", "the length of the result", ""},
		"concatMap":      {"a result of *f* that is no list", "builtins.concatMap (x: x) [ 1 ]", "one call of *f* for each element, at once, and the length of the result", ""},
		"elem":           {"a second argument that is no list", "builtins.elem 1 2", "one comparison for each element up to the first that is equal", ""},
		"elemAt":         {"an index outside of the list", "builtins.elemAt [ 1 2 ] 2", constant1, ""},
		"filter":         {"a result of the function that is no truth value", "builtins.filter (x: x) [ 1 ]", perElem + ", at once", ""},
		"foldl'":         {"whatever the function fails with", `builtins.foldl' (a: b: a + b) 0 [ 1 "2" ]`, perElem + "; intermediate results are not kept", ""},
		"genList":        {"a length below 0", "builtins.genList (x: x) (-1)", "the length; elements when they are needed", ""},
		"groupBy":        {"a result of the function that is no string", "builtins.groupBy (x: x) [ 1 ]", perElem + ", at once", ""},
		"head":           {"the empty list", "builtins.head [ ]", constant1, "builtins.head [ 1 2 ] # => 1"},
		"length":         {"an argument that is no list", `builtins.length "abc"`, constant1, "builtins.length [ 1 2 3 ] # => 3"},
		"map":            {"a second argument that is no list", "map (x: x) 1", "the length; elements when they are needed", ""},
		"partition":      {"a result of *pred* that is no truth value", "builtins.partition (x: x) [ 1 ]", perElem + ", at once", ""},
		"sort":           {"a result of the comparator that is no truth value", "builtins.sort (a: b: 1) [ 1 2 ]", "n log n calls of the comparator, about n if the list is sorted; none for `builtins.lessThan` on plain values", ""},
		"tail":           {"the empty list", "builtins.tail [ ]", "the length, so that a walk along a long list this way is quadratic", "builtins.tail [ 1 2 3 ] # => [ 2 3 ]"},
		"attrNames":      {"an argument that is no set", "builtins.attrNames [ ]", "the size of the set", ""},
		"attrValues":     {"an argument that is no set", "builtins.attrValues [ ]", "the size of the set", ""},
		"catAttrs":       {"an element that is no set", `builtins.catAttrs "a" [ 1 ]`, "a look-up for each element", ""},
		"getAttr":        {"an attribute that is missing", `builtins.getAttr "y" { x = 1; }`, "a look-up", ""},
		"hasAttr":        {"a second argument that is no set", `builtins.hasAttr "x" 1`, "a look-up", ""},
		"intersectAttrs": {"an argument that is no set", "builtins.intersectAttrs { } 1", "the size of the smaller set, times the logarithm of the other's if that is much larger", ""},
		"listToAttrs":    {"an element without name or value", "builtins.listToAttrs [ { value = 1; } ]", "n log n in the length", ""},
		"mapAttrs":       {"a second argument that is no set", "builtins.mapAttrs (n: v: v) [ ]", "the size of the set; values when they are needed", ""},
		"removeAttrs":    {"a name that is no string", "removeAttrs { } [ 1 ]", "the size of the set and the number of names", ""},
		"zipAttrsWith":   {"an element that is no set", "builtins.zipAttrsWith (n: vs: vs) [ 1 ]", "the sizes of all sets; values when they are needed", ""},
		"unsafeGetAttrPos": {"a second argument that is no set", `builtins.unsafeGetAttrPos "a" 1`, "a look-up, and the file is read to count lines when the result is needed",
			`builtins.unsafeGetAttrPos "a" { } # => null`},
		"functionArgs":   {"an argument that is no function", "builtins.functionArgs 1", "the number of arguments", ""},
		"genericClosure": {"an element without key; keys that cannot be compared", "builtins.genericClosure { startSet = [ { } ]; operator = x: [ ]; }", "one call of *operator* for each element of the result; n log n comparisons of keys", ""},
	}
}

// manualText has the builtins on strings, their contexts, and formats.
func manualText() map[string]page {
	return map[string]page{
		"baseNameOf":                    {"an argument that is neither string nor path", "baseNameOf 1", "the length of the string", ""},
		"compareVersions":               {"an argument that is no string", `builtins.compareVersions "1" 2`, "the length of the strings", ""},
		"concatStringsSep":              {"an element that is no string", `builtins.concatStringsSep "," [ 1 ]`, "the length of the result", ""},
		"convertHash":                   {"a text that is no hash; an unknown algorithm or format", `builtins.convertHash { hash = "abc"; hashAlgo = "md5"; toHashFormat = "sri"; }`, "the length of the hash", ""},
		"dirOf":                         {"an argument that is neither string nor path", "dirOf 1", "the length of the string", ""},
		"fromJSON":                      {"a text that is no JSON", `builtins.fromJSON "{"`, "the length of the text", ""},
		"fromTOML":                      {"a text that is no TOML", `builtins.fromTOML "a ="`, "the length of the text", ""},
		"hashString":                    {"an unknown algorithm", `builtins.hashString "md4" "a"`, "the length of the string", ""},
		"match":                         {"a text that is no regular expression", `builtins.match "(" "a"`, "the length of the string times that of the expression, never more; the expression is compiled once", ""},
		"split":                         {"a text that is no regular expression", `builtins.split "(" "a"`, "the length of the string times that of the expression, never more; the expression is compiled once", ""},
		"parseDrvName":                  {"an argument that is no string", "builtins.parseDrvName 1", "the length of the string", ""},
		"replaceStrings":                {"lists of different lengths", `builtins.replaceStrings [ "a" ] [ ] "b"`, "the length of the string times the number of strings that begin with the same byte", ""},
		"splitVersion":                  {"an argument that is no string", "builtins.splitVersion 1", "the length of the string", ""},
		"stringLength":                  {"an argument that is no string", "builtins.stringLength [ ]", constant1, `builtins.stringLength "abc" # => 3`},
		"substring":                     {"a start below 0", `builtins.substring (-1) 1 "abc"`, constant1, ""},
		"toJSON":                        {"a function within the value", "builtins.toJSON { f = x: x; }", "the size of the value, all of which is evaluated", ""},
		"toString":                      {"a set without `__toString` and `outPath`; a function", "toString { }", "the length of the result", ""},
		"toXML":                         {"whatever evaluating the value fails with", `builtins.toXML [ (throw "no value") ]`, "the size of the value, all of which is evaluated", `builtins.substring 0 5 (builtins.toXML 1) # => "<?xml"`},
		"toPath":                        {"a string that is no absolute path", `builtins.toPath "a"`, "the length of the string", `builtins.toPath "/a/../b" # => "/b"`},
		"placeholder":                   {"an argument that is no string", "placeholder 1", "one hash", ""},
		"hasContext":                    {"an argument that is no string", "builtins.hasContext 1", constant1, `builtins.hasContext "a" # => false`},
		"getContext":                    {"an argument that is no string", "builtins.getContext 1", "the size of the context", `builtins.getContext "a" # => { }`},
		"appendContext":                 {"a name that is no store path", `builtins.appendContext "a" { b = { path = true; }; }`, "the size of both contexts", `builtins.appendContext "a" { } # => "a"`},
		"unsafeDiscardStringContext":    {"an argument that cannot be a string", "builtins.unsafeDiscardStringContext 1", constant1, `builtins.unsafeDiscardStringContext "a" # => "a"`},
		"unsafeDiscardOutputDependency": {"an argument that cannot be a string", "builtins.unsafeDiscardOutputDependency 1", "the size of the context", `builtins.unsafeDiscardOutputDependency "a" # => "a"`},
		"addDrvOutputDependencies":      {"a string whose context is not exactly one derivation", `builtins.addDrvOutputDependencies "a"`, constant1, `builtins.addDrvOutputDependencies "${(derivation { name = "n"; system = "s"; builder = "b"; }).drvPath}"`},
		"flakeRefToString":              {"attributes that are no reference", `builtins.flakeRefToString { type = "nonesuch"; }`, "the size of the reference", ""},
		"parseFlakeRef":                 {"a text that is no reference", `builtins.parseFlakeRef "nonesuch:x"`, "the length of the text", ""},
	}
}

// manualWorld has the builtins that read files, fetch, and make store paths.
func manualWorld() map[string]page {
	const transfer = "a download, unless it was fetched before; the tree is read and hashed"
	return map[string]page{
		"derivation": {"missing `name`, `system` or `builder`, when an attribute that depends on them is needed", "(derivation { }).drvPath", "little; the work is done when `drvPath` or an output is needed",
			`(derivation { name = "n"; system = "s"; builder = "b"; }).type # => "derivation"`},
		"derivationStrict": {"missing attributes; those that cannot be strings", "builtins.derivationStrict { }", "the size of the derivation, a hash of it and, once for each, of the derivations it needs",
			`builtins.attrNames (builtins.derivationStrict { name = "n"; system = "s"; builder = "b"; }) # => [ "drvPath" "out" ]`},
		"fetchClosure":   {"a path that is not addressed as was said; a store that is no http binary cache", "builtins.fetchClosure { }", "a download of what is not there yet", `builtins.fetchClosure { fromStore = "https://cache.nixos.org"; fromPath = /nix/store/ldbhlwhh39wha58rm61bkiiwm6j7211j-git-2.33.1; }`},
		"fetchGit":       {"an argument without url; a revision that is not found", "fetchGit { }", transfer, `fetchGit { url = "https://github.com/NixOS/nix.git"; ref = "2.3-maintenance"; }`},
		"fetchMercurial": {"an argument without url", "fetchMercurial { }", transfer, `fetchMercurial { url = "https://www.mercurial-scm.org/repo/hello"; rev = "tip"; }`},
		"fetchTarball":   {"an archive that is not there; another hash than was said", "fetchTarball { }", transfer, `fetchTarball { url = "https://github.com/NixOS/nixpkgs/archive/nixos-20.09.tar.gz"; }`},
		"fetchTree":      {"attributes that are no reference", `fetchTree { type = "nonesuch"; }`, transfer, `fetchTree { type = "path"; path = "/etc"; }`},
		"fetchurl":       {"a file that is not there; another hash than was said", "builtins.fetchurl { }", "a download, unless it was fetched before", `builtins.fetchurl "https://example.org/file.txt"`},
		"getFlake":       {"a reference that is none, or not locked in pure mode", `builtins.getFlake "nonesuch:x"`, "that of fetching the flake and its inputs", ""},
		"filterSource":   {"a path that is not there; a result of the function that is no truth value", "builtins.filterSource (path: type: true) ./nonesuch", "one call of the function for each file; those kept are read and hashed", `builtins.filterSource (path: type: type != "directory") ./.`},
		"findFile":       {"a name that is not found", `builtins.findFile [ ] "nonesuch"`, "a look at the file system for each entry of the search path that may have it", ""},
		"getEnv":         {"an argument that is no string", "builtins.getEnv 1", constant1, `builtins.getEnv "NO_SUCH_VARIABLE" # => ""`},
		"hashFile":       {"a file that cannot be read; an unknown algorithm", `builtins.hashFile "sha256" ./nonesuch`, "the size of the file", `builtins.hashFile "sha256" ./file`},
		"import":         {"a file that is not there, or no expression", "import ./nonesuch.nix", "each file is read and evaluated once", ""},
		"scopedImport":   {"a file that is not there, or no expression", "scopedImport { } ./nonesuch.nix", "the file is read and evaluated each time", `scopedImport { x = 1; } ./file.nix`},
		"outputOf":       {"a string that is no derivation", `builtins.outputOf "a" "out"`, "one hash", `builtins.outputOf (builtins.outputOf drv.outPath "out") "out"`},
		"path":           {"an argument without path; another hash than was said", "builtins.path { }", "the tree is read and hashed, with a call of *filter*, if given, for each file", `builtins.path { path = ./.; name = "source"; filter = path: type: type == "regular"; }`},
		"pathExists":     {"an argument that is no path", "builtins.pathExists 1", "a look at the file system", `builtins.pathExists "/nonesuch" # => false`},
		"readDir":        {"a folder that cannot be read", "builtins.readDir ./nonesuch", "the number of entries", "builtins.readDir ./."},
		"readFile":       {"a file that cannot be read, or that holds a zero byte", "builtins.readFile ./nonesuch", "the size of the file", "builtins.readFile ./file"},
		"readFileType":   {"a path that is not there", "builtins.readFileType ./nonesuch", "a look at the file system", `builtins.readFileType "/" # => "directory"`},
		"storePath":      {"a path outside of the store, or one that is not valid", `builtins.storePath "/tmp"`, "a look into the store, which may fetch the path", "builtins.storePath /nix/store/ldbhlwhh39wha58rm61bkiiwm6j7211j-git-2.33.1"},
		"toFile":         {"a string that refers to the output of a derivation; a name that no store path may have", `builtins.toFile "a/b" "text"`, "the length of the text, which is hashed and written", `builtins.toFile "a.txt" "text" # => "/nix/store/m4xcp1wpdshmlc1pa2m2r4bkbcilmc8m-a.txt"`},
		"currentSystem":  {"", "", constant1, `builtins.currentSystem == "x86_64-linux"`},
		"currentTime":    {"", "", constant1, "builtins.isInt builtins.currentTime # => true"},
		"nixPath":        {"", "", constant1, "builtins.isList builtins.nixPath # => true"},
		"storeDir":       {"", "", constant1, `builtins.storeDir # => "/nix/store"`},
		"nixVersion":     {"", "", constant1, `builtins.nixVersion # => "2.34.8"`},
		"langVersion":    {"", "", constant1, "builtins.langVersion # => 6"},
	}
}

// manualControl has the builtins that say what is evaluated, and constants.
func manualControl() map[string]page {
	return map[string]page{
		"abort":           {"always", `abort "no value"`, constant1, ""},
		"throw":           {"always; `tryEval` catches it", `throw "no value"`, constant1, ""},
		"addErrorContext": {"whatever *e* fails with", `builtins.addErrorContext "while trying" (throw "no value")`, "that of *e*", ""},
		"break":           {noErrors, `builtins.break (throw "no value")`, "that of *v*", "builtins.break 1 # => 1"},
		"deepSeq":         {"whatever any part of *e1* fails with", `builtins.deepSeq [ (throw "no value") ] 1`, "the size of *e1*", "builtins.deepSeq [ 1 ] 2 # => 2"},
		"seq":             {"whatever *e1* fails with", `builtins.seq (throw "no value") 1`, "that of *e1*", "builtins.seq [ (throw \"unused\") ] 2 # => 2"},
		"trace":           {"whatever evaluating either argument fails with", `builtins.trace (throw "no value") 1`, "the length of the message", ""},
		"traceVerbose":    {"whatever evaluating *e2* fails with", `builtins.traceVerbose "message" (throw "no value")`, "nothing without the setting trace-verbose", `builtins.traceVerbose "here" 1 # => 1`},
		"tryEval":         {"errors other than those of `throw` and `assert`", `builtins.tryEval (abort "no value")`, "that of *e*", ""},
		"warn":            {"a message that is no string; always with the setting abort-on-warn", "builtins.warn 1 2", "the length of the message", `builtins.warn "old" 1 # => 1`},
		"true":            {"", "", constant1, "!true # => false"},
		"false":           {"", "", constant1, "!false # => true"},
		"null":            {"", "", constant1, "null == false # => false"},
	}
}
