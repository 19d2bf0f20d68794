package builtins

import (
	"context"
	"embed"
	"io/fs"
	"slices"
	"sync"

	"github.com/seed192a40f6/glang/derivation"
	"github.com/seed192a40f6/glang/lang/ast"
	"github.com/seed192a40f6/glang/lang/eval"
	"github.com/seed192a40f6/glang/store/storepath"
)

// This file is long because it is the whole table, with the documentation of
// every builtin: what a user reads and what the language has stand together.

// nixVersion is the version of the reference that the language is that of.
const nixVersion = "2.34.8"

// table is what the builtins of one Evaluator share.
type table struct {
	regexes  regexCache
	once     sync.Once
	hasher   *derivation.Hasher
	syms     derivationSymbols
	builders sync.Pool // of *drvBuilder
}

// derivationSymbols are the attributes with a meaning to derivationStrict.
type derivationSymbols struct {
	structuredAttrs, ignoreNulls, contentAddressed, impure, json, args, builder, system,
	outputHash, outputHashAlgo, outputHashMode, outputs ast.Symbol
}

// hasherFor is the memory of derivation hashes.
func (t *table) hasherFor(m *machine) *derivation.Hasher {
	t.prepare(m)
	return t.hasher
}

func (t *table) prepare(m *machine) {
	t.once.Do(func() {
		o := m.E.Options()
		t.hasher = derivation.NewHasher(o.Scheme, func(p storepath.Path) (*derivation.Derivation, error) {
			if o.Paths == nil {
				return nil, &missingDerivation{o.Scheme.Print(p)}
			}
			return o.Paths.ReadDerivation(context.Background(), p)
		})
		in := m.E.Symbols.Intern
		t.syms = derivationSymbols{
			structuredAttrs: in("__structuredAttrs"), ignoreNulls: in("__ignoreNulls"),
			contentAddressed: in("__contentAddressed"), impure: in("__impure"), json: in("__json"),
			args: in("args"), builder: in("builder"), system: in("system"),
			outputHash: in("outputHash"), outputHashAlgo: in("outputHashAlgo"),
			outputHashMode: in("outputHashMode"), outputs: in("outputs"),
		}
	})
}

// missingDerivation is a derivation that is referred to, but was not made here.
type missingDerivation struct{ path string }

func (e *missingDerivation) Error() string { return "path '" + e.path + "' is not valid" }

//go:embed internal/*.nix
var internalFS embed.FS

//go:embed nix/*.nix
var corepkgsFS embed.FS

// internalDir and corepkgsDir are where the evaluator finds expressions that
// come with it. Nobody can write these paths: they hold a byte that no source has.
const (
	internalDir = "/\x01internal"
	corepkgsDir = "/\x01nix"
)

// Overlays are the trees that builtins need: their own expressions, and
// <nix/fetchurl.nix>.
func Overlays() []eval.Overlay {
	return []eval.Overlay{
		{Dir: internalDir, FS: subtree(internalFS, "internal"), Display: "«nix-internal»", Internal: true},
		{Dir: corepkgsDir, FS: subtree(corepkgsFS, "nix"), Display: "<nix", Suffix: ">", Search: "nix"},
	}
}

func subtree(fsys embed.FS, dir string) fs.FS {
	r, err := fs.Sub(fsys, dir)
	if err != nil {
		panic(err) // dir is a constant of this package
	}
	return r
}

// tableOf is the table of the Evaluator that m belongs to.
func tableOf(m *machine) *table { return m.E.Shared(newTable).(*table) }

func newTable() any { return new(table) }

// All are the builtins; [Manual] tells more about them. The slice is made once,
// for all Evaluators: it must not be changed.
func All() []eval.BuiltinDef { return all() }

var all = sync.OnceValue(func() []eval.BuiltinDef {
	return slices.Concat(
		constants(), typeTable(), numberTable(), listTable(), attrsTable(), stringTable(),
		contextTable(), controlTable(), derivationTable(), fileTable(), encodingTable(), fetchTable(),
	)
})

// constant makes a builtin that is a value known from the beginning.
func constant(name string, global bool, doc, example string, f func(m *machine) value) eval.BuiltinDef {
	return eval.BuiltinDef{Name: name, Global: global, Doc: doc, Example: example, Value: f, Eager: true}
}

func typeTable() []eval.BuiltinDef {
	return []eval.BuiltinDef{
		{
			Name: "typeOf", Args: []string{"e"}, Fn: typeOf, Borrows: 0b1,
			Doc: "The type of *e* as a word: `\"int\"`, `\"bool\"`, `\"string\"`, `\"path\"`, `\"null\"`, `\"set\"`, `\"list\"`, " +
				"`\"lambda\"` or `\"float\"`.",
			Example: `builtins.typeOf { } # => "set"`,
		},
		{
			Name: "isAttrs", Args: []string{"e"}, Fn: ofKind(eval.KindAttrs), Borrows: 0b1,
			Doc: "Whether *e* is an attribute set.",
		},
		{
			Name: "isList", Args: []string{"e"}, Fn: ofKind(eval.KindList), Borrows: 0b1,
			Doc: "Whether *e* is a list.",
		},
		{
			Name: "isString", Args: []string{"e"}, Fn: ofKind(eval.KindString), Borrows: 0b1,
			Doc: "Whether *e* is a string.",
		},
		{
			Name: "isInt", Args: []string{"e"}, Fn: ofKind(eval.KindInt), Borrows: 0b1,
			Doc: "Whether *e* is an integer.",
		},
		{
			Name: "isFloat", Args: []string{"e"}, Fn: ofKind(eval.KindFloat), Borrows: 0b1,
			Doc: "Whether *e* is a floating-point number.",
		},
		{
			Name: "isBool", Args: []string{"e"}, Fn: ofKind(eval.KindBool), Borrows: 0b1,
			Doc: "Whether *e* is a truth value.",
		},
		{
			Name: "isPath", Args: []string{"e"}, Fn: ofKind(eval.KindPath), Borrows: 0b1,
			Doc: "Whether *e* is a path.",
		},
		{
			Name: "isNull", Global: true, Args: []string{"e"}, Fn: ofKind(eval.KindNull), Borrows: 0b1,
			Doc: "Whether *e* is `null`; the same as `e == null`.",
		},
		{
			Name: "isFunction", Args: []string{"e"}, Fn: isFunction, Borrows: 0b1,
			Doc: "Whether *e* is a function. A set with `__functor` is not one, though it can be called.",
		},
		{
			Name: "functionArgs", Args: []string{"f"}, Fn: functionArgs, Borrows: 0b1,
			Doc: "For a function that takes a set pattern, a set with the name of each attribute in the pattern " +
				"and whether it has a default. Other functions give the empty set.",
			Example: `builtins.functionArgs ({ x, y ? 1 }: x) # => { x = false; y = true; }`,
		},
	}
}

func numberTable() []eval.BuiltinDef {
	return []eval.BuiltinDef{
		{
			Name: "add", Args: []string{"e1", "e2"}, Fn: add,
			Doc: "The sum of two numbers: an integer if both are integers, else a float. An integer that does not " +
				"fit 64 bits is an error, here and below.",
		},
		{
			Name: "sub", Args: []string{"e1", "e2"}, Fn: sub,
			Doc: "The difference of two numbers.",
		},
		{
			Name: "mul", Args: []string{"e1", "e2"}, Fn: mul,
			Doc: "The product of two numbers.",
		},
		{
			Name: "div", Args: []string{"e1", "e2"}, Fn: div,
			Doc:     "The quotient of two numbers. For integers the fraction is cut off; dividing by zero is an error.",
			Example: `builtins.div 7 (-2) # => -3`,
		},
		{
			Name: "bitAnd", Args: []string{"e1", "e2"}, Fn: bitAnd,
			Doc:     "The bits that are set in both integers.",
			Example: `builtins.bitAnd 12 10 # => 8`,
		},
		{
			Name: "bitOr", Args: []string{"e1", "e2"}, Fn: bitOr,
			Doc:     "The bits that are set in either integer.",
			Example: `builtins.bitOr 12 10 # => 14`,
		},
		{
			Name: "bitXor", Args: []string{"e1", "e2"}, Fn: bitXor,
			Doc:     "The bits that are set in one of the integers, but not in both.",
			Example: `builtins.bitXor 12 10 # => 6`,
		},
		{
			Name: "lessThan", Args: []string{"e1", "e2"}, Fn: lessThan,
			Doc: "Whether *e1* comes before *e2*: what the operator `<` does. Numbers, strings, paths, and lists " +
				"of such values can be compared.",
		},
		{
			Name: "ceil", Args: []string{"number"}, Fn: ceil,
			Doc: "The smallest integer that is not below *number*. Numbers so large that they have no exact " +
				"integer are an error.",
			Example: `builtins.ceil 1.2 # => 2`,
		},
		{
			Name: "floor", Args: []string{"number"}, Fn: floor,
			Doc: "The largest integer that is not above *number*. Numbers so large that they have no exact integer " +
				"are an error.",
			Example: `builtins.floor (-1.2) # => -2`,
		},
	}
}

func listTable() []eval.BuiltinDef {
	return []eval.BuiltinDef{
		{
			Name: "map", Global: true, Args: []string{"f", "list"}, Fn: mapList, Borrows: 0b10,
			Doc: "The list of the results of applying *f* to each element. Results are computed when they are " +
				"needed.",
			Example: `map (x: x * x) [ 1 2 3 ] # => [ 1 4 9 ]`,
		},
		{
			Name: "filter", Args: []string{"f", "list"}, Fn: filter, Borrows: 0b11,
			Doc:     "The elements for which *f* returns true.",
			Example: `builtins.filter (x: x > 1) [ 1 2 3 ] # => [ 2 3 ]`,
		},
		{
			Name: "length", Args: []string{"e"}, Fn: length, Borrows: 0b1,
			Doc: "The number of elements of a list.",
		},
		{
			Name: "head", Args: []string{"list"}, Fn: head, Borrows: 0b1,
			Doc: "The first element of a list; the empty list has none and is an error. It can be caught by " +
				"nothing, so test for `[ ]` before.",
		},
		{
			Name: "tail", Args: []string{"list"}, Fn: tail, Borrows: 0b1,
			Doc: "The list without its first element. The empty list is an error.",
		},
		{
			Name: "elemAt", Args: []string{"xs", "n"}, Fn: elemAt, Borrows: 0b11,
			Doc:     "The element of *xs* at index *n*, counting from 0. An index outside of the list is an error.",
			Example: `builtins.elemAt [ "a" "b" ] 1 # => "b"`,
		},
		{
			Name: "elem", Args: []string{"x", "xs"}, Fn: elem, Borrows: 0b11,
			Doc:     "Whether some element of *xs* equals *x*.",
			Example: `builtins.elem 2 [ 1 2 ] # => true`,
		},
		{
			Name: "concatLists", Args: []string{"lists"}, Fn: concatLists, Borrows: 0b1,
			Doc:     "All elements of several lists in one list.",
			Example: `builtins.concatLists [ [ 1 ] [ 2 3 ] ] # => [ 1 2 3 ]`,
		},
		{
			Name: "concatMap", Args: []string{"f", "list"}, Fn: concatMap, Borrows: 0b11,
			Doc:     "Applies *f*, which returns lists, to each element, and puts the lists together.",
			Example: `builtins.concatMap (x: [ x x ]) [ 1 2 ] # => [ 1 1 2 2 ]`,
		},
		{
			Name: "foldl'", Args: []string{"op", "nul", "list"}, Fn: foldl, Borrows: 0b101,
			Doc: "Goes through a list from the left: *op* gets what there is so far, *nul* at first, and an " +
				"element, and returns what there is then. Each such value is computed before the next one.",
			Example: `builtins.foldl' (sum: x: sum + x) 0 [ 1 2 3 ] # => 6`,
		},
		{
			Name: "any", Args: []string{"pred", "list"}, Fn: anyOf, Borrows: 0b11,
			Doc:     "Whether *pred* is true for at least one element. The elements after it are not looked at.",
			Example: `builtins.any builtins.isInt [ "a" 1 ] # => true`,
		},
		{
			Name: "all", Args: []string{"pred", "list"}, Fn: allOf, Borrows: 0b11,
			Doc:     "Whether *pred* is true for every element.",
			Example: `builtins.all builtins.isInt [ 1 2 ] # => true`,
		},
		{
			Name: "genList", Args: []string{"generator", "length"}, Fn: genList, Borrows: 0b10,
			Doc:     "A list of the given length; *generator* makes the elements of their indexes, which count from 0.",
			Example: `builtins.genList (i: i * i) 4 # => [ 0 1 4 9 ]`,
		},
		{
			Name: "sort", Args: []string{"comparator", "list"}, Fn: sort, Borrows: 0b11,
			Doc: "The list in order. *comparator* gets two elements and says whether the first one must come " +
				"first; elements of which neither must keep their order. A comparator should be an order: if x " +
				"comes before y and y before z, then x before z; if neither x before y nor y before x, and " +
				"likewise for y and z, then for x and z; no x before itself. If it is not, some rearrangement of " +
				"the list results.",
			Example: `builtins.sort builtins.lessThan [ 3 1 2 ] # => [ 1 2 3 ]`,
		},
		{
			Name: "partition", Args: []string{"pred", "list"}, Fn: partition, Borrows: 0b11,
			Doc: "Splits a list in two: the elements for which *pred* is true under `right`, the others under " +
				"`wrong`.",
			Example: `builtins.partition (x: x > 1) [ 1 2 3 ] # => { right = [ 2 3 ]; wrong = [ 1 ]; }`,
		},
		{
			Name: "groupBy", Args: []string{"f", "list"}, Fn: groupBy, Borrows: 0b11,
			Doc:     "A set of lists: *f* names the attribute that an element goes to.",
			Example: `builtins.groupBy (builtins.substring 0 1) [ "ab" "b" "ac" ] # => { a = [ "ab" "ac" ]; b = [ "b" ]; }`,
		},
		{
			Name: "genericClosure", Args: []string{"attrset"}, Fn: genericClosure,
			Doc: "Everything that can be reached from some values. The argument has two attributes: `startSet`, a " +
				"list of sets, each with an attribute `key`; and `operator`, a function that gets such a set and " +
				"returns a list of such sets. Starting from those in `startSet`, the operator is applied to each " +
				"set once. The result is the list of all sets met, in that order, of those with equal keys the " +
				"first one. Keys must be comparable, as for `<`.",
			Example: `builtins.genericClosure {
  startSet = [ { key = 5; } ];
  operator = { key }: if key == 1 then [ ] else [ { key = if key / 2 * 2 == key then key / 2 else 3 * key + 1; } ];
} # => [ { key = 5; } { key = 16; } { key = 8; } { key = 4; } { key = 2; } { key = 1; } ]`,
		},
	}
}

func attrsTable() []eval.BuiltinDef {
	return []eval.BuiltinDef{
		{
			Name: "attrNames", Args: []string{"set"}, Fn: attrNames, Borrows: 0b1,
			Doc:     "The names of the attributes of a set, sorted.",
			Example: `builtins.attrNames { y = 1; x = 2; } # => [ "x" "y" ]`,
		},
		{
			Name: "attrValues", Args: []string{"set"}, Fn: attrValues, Borrows: 0b1,
			Doc:     "The values of the attributes of a set, in the order of their names.",
			Example: `builtins.attrValues { y = 1; x = 2; } # => [ 2 1 ]`,
		},
		{
			Name: "getAttr", Args: []string{"s", "set"}, Fn: getAttr, Borrows: 0b11,
			Doc:     "The attribute of *set* whose name is *s*; `set.${s}` as a function.",
			Example: `builtins.getAttr "x" { x = 1; } # => 1`,
		},
		{
			Name: "hasAttr", Args: []string{"s", "set"}, Fn: hasAttr, Borrows: 0b11,
			Doc:     "Whether *set* has an attribute of the name *s*; `set ? ${s}` as a function.",
			Example: `builtins.hasAttr "y" { x = 1; } # => false`,
		},
		{
			Name: "unsafeGetAttrPos", Args: []string{"s", "set"}, Fn: unsafeGetAttrPos,
			Doc: "Where the attribute *s* of *set* was written: a set of `file`, `line` and `column`, or `null` if " +
				"that is not known. Unsafe because the result changes with the layout of sources.",
		},
		{
			Name: "removeAttrs", Global: true, Args: []string{"set", "list"}, Fn: removeAttrs, Borrows: 0b11,
			Doc:     "The set without the attributes whose names the list has. Names of no attribute are ignored.",
			Example: `removeAttrs { x = 1; y = 2; } [ "x" "z" ] # => { y = 2; }`,
		},
		{
			Name: "listToAttrs", Args: []string{"e"}, Fn: listToAttrs, Borrows: 0b1,
			Doc: "Makes a set of a list of sets, each with a `name` and a `value`. Of several with one name the " +
				"first counts.",
			Example: `builtins.listToAttrs [ { name = "x"; value = 1; } ] # => { x = 1; }`,
		},
		{
			Name: "intersectAttrs", Args: []string{"e1", "e2"}, Fn: intersectAttrs, Borrows: 0b11,
			Doc:     "The attributes of *e2* whose names *e1* has too. It takes time in the size of the smaller set.",
			Example: `builtins.intersectAttrs { x = 1; } { x = 2; y = 3; } # => { x = 2; }`,
		},
		{
			Name: "catAttrs", Args: []string{"attr", "list"}, Fn: catAttrs, Borrows: 0b11,
			Doc:     "The values of the attribute *attr* of those sets in the list that have it.",
			Example: `builtins.catAttrs "a" [ { a = 1; } { b = 2; } { a = 3; } ] # => [ 1 3 ]`,
		},
		{
			Name: "mapAttrs", Args: []string{"f", "attrset"}, Fn: mapAttrs, Borrows: 0b10,
			Doc:     "A set with the same names, and as values what *f* returns for name and value.",
			Example: `builtins.mapAttrs (name: value: name + value) { a = "1"; } # => { a = "a1"; }`,
		},
		{
			Name: "zipAttrsWith", Args: []string{"f", "list"}, Fn: zipAttrsWith,
			Doc: "Merges several sets: *f* gets a name and the list of all values that the sets have under it, and " +
				"returns the value.",
			Example: `builtins.zipAttrsWith (name: values: values) [ { a = 1; } { a = 2; b = 3; } ] # => { a = [ 1 2 ]; b = [ 3 ]; }`,
		},
	}
}

func stringTable() []eval.BuiltinDef {
	return []eval.BuiltinDef{
		{
			Name: "toString", Global: true, Args: []string{"e"}, Fn: toString, Borrows: 0b1,
			Doc: "A string of a value: strings stay, paths are not copied to the store, numbers are written out, " +
				"true is `\"1\"`, false and null are `\"\"`, a list is its elements with spaces between, a set needs " +
				"`__toString` or `outPath`.",
			Example: `toString [ 1 "a" true ] # => "1 a 1"`,
		},
		{
			Name: "substring", Args: []string{"start", "len", "s"}, Fn: substring, Borrows: 0b111,
			Doc: "The bytes of a string from an offset on, at most *len* of them; a negative *len* means up to the " +
				"end. Offsets beyond the end give the empty string, a negative one is an error. The result " +
				"depends on what *s* depends on.",
			Example: `builtins.substring 1 2 "abcd" # => "bc"`,
		},
		{
			Name: "stringLength", Args: []string{"e"}, Fn: stringLength, Borrows: 0b1,
			Doc: "The length of a string in bytes.",
		},
		{
			Name: "concatStringsSep", Args: []string{"separator", "list"}, Fn: concatStringsSep, Borrows: 0b11,
			Doc:     "The strings of a list with a separator between them.",
			Example: `builtins.concatStringsSep ", " [ "a" "b" ] # => "a, b"`,
		},
		{
			Name: "replaceStrings", Args: []string{"from", "to", "s"}, Fn: replaceStrings, Borrows: 0b111,
			Doc: "Replaces strings within a string: at each place the first string of *from* that is found there " +
				"by its counterpart in *to*. Replacements are not searched again, and are evaluated only if used.",
			Example: `builtins.replaceStrings [ "oo" "a" ] [ "a" "i" ] "foobar" # => "fabir"`,
		},
		{
			Name: "match", Args: []string{"regex", "str"}, Fn: match,
			Doc: "Matches a whole string against a POSIX extended regular expression: the list of what its groups " +
				"took, `null` for one that took no part; or `null` if it does not match.",
			Example: `builtins.match "a(b)(c)?" "ab" # => [ "b" null ]`,
		},
		{
			Name: "split", Args: []string{"regex", "str"}, Fn: split,
			Doc: "Splits a string at the matches of a POSIX extended regular expression. The strings between " +
				"alternate with lists of what the groups took.",
			Example: `builtins.split "([ac])" "abc" # => [ "" [ "a" ] "b" [ "c" ] "" ]`,
		},
		{
			Name: "parseDrvName", Args: []string{"s"}, Fn: parseDrvName,
			Doc: "Splits the name of a package into `name` and `version`, at the first dash that is not followed " +
				"by a letter.",
			Example: `builtins.parseDrvName "gcc-wrapper-12.3" # => { name = "gcc-wrapper"; version = "12.3"; }`,
		},
		{
			Name: "compareVersions", Args: []string{"s1", "s2"}, Fn: compareVersions,
			Doc: "Compares versions: -1 if *s1* is older than *s2*, 0 if they are the same, 1 if it is newer. " +
				"Components that are numbers compare as such; `pre` comes before everything.",
			Example: `builtins.compareVersions "1.10" "1.9" # => 1`,
		},
		{
			Name: "splitVersion", Args: []string{"s"}, Fn: splitVersion,
			Doc:     "The components of a version, as `compareVersions` sees them.",
			Example: `builtins.splitVersion "1.2a" # => [ "1" "2" "a" ]`,
		},
		{
			Name: "hashString", Args: []string{"type", "s"}, Fn: hashString,
			Doc: "The hash of a string in base 16. *type* is `\"md5\"`, `\"sha1\"`, `\"sha256\"`, `\"sha512\"` or, with " +
				"the feature `blake3-hashes`, `\"blake3\"`.",
			Example: `builtins.hashString "md5" "" # => "d41d8cd98f00b204e9800998ecf8427e"`,
		},
		{
			Name: "convertHash", Args: []string{"args"}, Fn: convertHash,
			Doc: "Writes a hash in another way. The argument has `hash`; `toHashFormat`, one of `\"base16\"`, " +
				"`\"nix32\"`, `\"base64\"` and `\"sri\"`; and, unless the hash says it, `hashAlgo`.",
			Example: `builtins.convertHash {
  hash = "d41d8cd98f00b204e9800998ecf8427e";
  hashAlgo = "md5";
  toHashFormat = "sri";
} # => "md5-1B2M2Y8AsgTpgAmY7PhCfg=="`,
		},
	}
}

func contextTable() []eval.BuiltinDef {
	return []eval.BuiltinDef{
		{
			Name: "hasContext", Args: []string{"s"}, Fn: hasContext,
			Doc: "Whether a string has a context, that is, depends on store paths.",
		},
		{
			Name: "getContext", Args: []string{"s"}, Fn: getContext,
			Doc: "What a string depends on: a set with an attribute for each store path, whose value says how. " +
				"`path = true`: on the path itself. `allOutputs = true`: on a derivation with all its outputs and " +
				"everything it needs. `outputs`: on these outputs of the derivation.",
		},
		{
			Name: "appendContext", Args: []string{"s", "context"}, Fn: appendContext,
			Doc: "A string that depends, besides what it depends on already, on what the second argument says in " +
				"the way of `getContext`.",
		},
		{
			Name: "unsafeDiscardStringContext", Args: []string{"s"}, Fn: unsafeDiscardStringContext,
			Doc: "The string without its context. Unsafe because nothing then makes sure that the store paths in " +
				"it exist.",
		},
		{
			Name: "unsafeDiscardOutputDependency", Args: []string{"s"}, Fn: unsafeDiscardOutputDependency,
			Doc: "A string that depends on a derivation with all its outputs (a `drvPath`) depends on the " +
				"derivation alone instead.",
		},
		{
			Name: "addDrvOutputDependencies", Args: []string{"s"}, Fn: addDrvOutputDependencies,
			Doc: "The reverse of `unsafeDiscardOutputDependency`: a string whose context is one derivation then " +
				"depends on all its outputs.",
		},
	}
}

func controlTable() []eval.BuiltinDef {
	return []eval.BuiltinDef{
		{
			Name: "abort", Global: true, Args: []string{"s"}, Fn: abort,
			Doc:     "Ends evaluation with a message. Nothing catches it.",
			Example: `abort "unreachable"`,
		},
		{
			Name: "throw", Global: true, Args: []string{"s"}, Fn: throw,
			Doc: "Raises an error with a message. `tryEval` catches it, and some commands pass over values that " +
				"throw.",
			Example: `throw "unsupported"`,
		},
		{
			Name: "tryEval", Args: []string{"e"}, Fn: tryEval,
			Doc: "Evaluates *e*, not deeply: `{ success = true; value = e; }`, or `{ success = false; value = " +
				"false; }` if that threw or an assertion failed. Other errors are not caught.",
			Example: `(builtins.tryEval (throw "x")).success # => false`,
		},
		{
			Name: "seq", Args: []string{"e1", "e2"}, Fn: seq,
			Doc: "Evaluates *e1*, then returns *e2*.",
		},
		{
			Name: "deepSeq", Args: []string{"e1", "e2"}, Fn: deepSeq,
			Doc: "Evaluates *e1* with all that it contains, then returns *e2*.",
		},
		{
			Name: "trace", Args: []string{"e1", "e2"}, Fn: trace,
			Doc:     "Prints *e1* on standard error, then returns *e2*. For debugging.",
			Example: `builtins.trace "here" 1 # => 1`,
		},
		{
			Name: "traceVerbose", Args: []string{"e1", "e2"}, Fn: traceVerbose,
			Doc: "`trace` if the setting `trace-verbose` is on, else just *e2*.",
		},
		{
			Name: "warn", Args: []string{"e1", "e2"}, Fn: warn,
			Doc: "Prints the string *e1* as a warning, then returns *e2*. With the setting `abort-on-warn` it is " +
				"an error.",
		},
		{
			Name: "break", Global: true, Args: []string{"v"}, Fn: breakpoint,
			NoTrace: true, // the reference evaluates *v* after it has returned
			Doc:     "Returns *v*. With `--debugger`, evaluation stops here and the debugger begins.",
		},
		{
			Name: "addErrorContext", Args: []string{"message", "e"}, Fn: addErrorContext,
			NoTrace: true,
			Doc:     "Evaluates *e*; if that fails, the trace of the error gets a line with the message.",
			Example: `builtins.addErrorContext "while doing x" (1 + 1) # => 2`,
		},
		{
			Name: "getEnv", Args: []string{"s"}, Fn: getEnv,
			Doc: "The value of an environment variable, `\"\"` if it is not set. In pure and restricted mode all are " +
				"empty.",
		},
	}
}

func derivationTable() []eval.BuiltinDef {
	return []eval.BuiltinDef{
		{
			Name: "derivationStrict", Global: true, Args: []string{"args"}, Fn: derivationStrict,
			Doc: "What `derivation` is made of: writes the store derivation at once, and returns its path and " +
				"those of its outputs.",
		},
		{
			Name: "placeholder", Global: true, Args: []string{"output"}, Fn: placeholder,
			Doc: "A string that stands for the path of an output in attributes of the derivation itself; it " +
				"becomes the path when the derivation is built.",
			Example: `placeholder "out" # => "/1rz4g4znpzjwh1xymhjpm42vipw92pr73vdgl6xs1hycac8kf2n9"`,
		},
		{
			Name: "outputOf", Args: []string{"derivation-reference", "output-name"}, Fn: outputOf,
			Feature: "dynamic-derivations",
			Doc:     "A reference to an output of a derivation that is itself the output of another one.",
		},
	}
}

func fileTable() []eval.BuiltinDef {
	return []eval.BuiltinDef{
		{
			Name: "import", Global: true, Args: []string{"path"}, Fn: importFile,
			Doc: "The value of the expression in a file, or in the `default.nix` of a folder. Each file is " +
				"evaluated once. The file sees the builtins and nothing of what is in scope at the call.",
			Example: `import ./.`,
		},
		{
			Name: "scopedImport", Global: true, Args: []string{"scope", "path"}, Fn: scopedImport,
			Doc: "Imports a file in which the attributes of *scope* are variables. It is evaluated anew each time.",
		},
		{
			Name: "findFile", Args: []string{"search-path", "lookup-path"}, Fn: findFile,
			Doc: "Looks a file up, as `<lookup-path>` does in `nixPath`. *search-path* is a list of sets with " +
				"`path` and `prefix`.",
			Example: `builtins.findFile builtins.nixPath "nixpkgs"`,
		},
		{
			Name: "pathExists", Args: []string{"path"}, Fn: pathExists,
			Doc: "Whether there is a file or folder of that path. A string that ends in a slash must name a " +
				"folder.",
		},
		{
			Name: "readFile", Args: []string{"path"}, Fn: readFile,
			Doc: "The contents of a file as a string.",
		},
		{
			Name: "readDir", Args: []string{"path"}, Fn: readDir,
			Doc: "What is in a folder: a set with an attribute for each entry, whose value is `\"regular\"`, " +
				"`\"directory\"`, `\"symlink\"` or `\"unknown\"`.",
		},
		{
			Name: "readFileType", Args: []string{"p"}, Fn: readFileType,
			Doc: "The type of a file: `\"regular\"`, `\"directory\"`, `\"symlink\"` or `\"unknown\"`.",
		},
		{
			Name: "hashFile", Args: []string{"type", "p"}, Fn: hashFile,
			Doc: "The hash of the contents of a file in base 16.",
		},
		{
			Name: "baseNameOf", Global: true, Args: []string{"x"}, Fn: baseNameOf,
			Doc: "The last component of a path or string: what follows the last slash. One slash at the end is " +
				"ignored.",
			Example: `baseNameOf "a/b/" # => "b"`,
		},
		{
			Name: "dirOf", Global: true, Args: []string{"s"}, Fn: dirOf,
			Doc:     "What comes before the last slash: a path of a path, a string of a string.",
			Example: `dirOf "a/b" # => "a"`,
		},
		{
			Name: "toPath", Args: []string{"s"}, Fn: toPath,
			Doc: "Checks that a string is an absolute path, and makes it canonical. To get a path, write `/. + s`.",
		},
		{
			Name: "toFile", Args: []string{"name", "s"}, Fn: toFile,
			Doc: "Writes a string to a file in the store and returns its path. The string may refer to store " +
				"paths, but not to derivations.",
		},
		{
			Name: "path", Args: []string{"args"}, Fn: pathBuiltin,
			Doc: "Copies a file or folder into the store, with more say than `${./path}`. The argument has `path` " +
				"and optionally `name`; `filter`, a function of path and type that says what to keep; " +
				"`recursive`, false to hash the bytes of one file; and `sha256`, the hash that is expected.",
		},
		{
			Name: "filterSource", Args: []string{"e1", "e2"}, Fn: filterSource,
			Doc: "Copies the folder *e2* into the store without those files for which *e1*, called with path and " +
				"type, is false. Its name depends on that of the folder; `path` can give another one.",
		},
		{
			Name: "storePath", Args: []string{"path"}, Fn: storePath,
			Doc: "Makes a string of a path that lies in the store already, which depends on that store path.",
		},
	}
}

func encodingTable() []eval.BuiltinDef {
	return []eval.BuiltinDef{
		{
			Name: "toJSON", Args: []string{"e"}, Fn: toJSON,
			Doc: "A string with the JSON of a value. A set with `outPath` or `__toString` becomes that string; " +
				"functions are an error; paths are copied to the store.",
			Example: `builtins.toJSON { a = [ 1 null ]; } # => "{\"a\":[1,null]}"`,
		},
		{
			Name: "fromJSON", Args: []string{"e"}, Fn: fromJSON,
			Doc:     "The value of a JSON text. Numbers with a fraction or an exponent, or too large, become floats.",
			Example: `builtins.fromJSON ''{"a": [1, 2.5]}'' # => { a = [ 1 2.5 ]; }`,
		},
		{
			Name: "toXML", Args: []string{"e"}, Fn: toXML,
			Doc: "A string with an XML form of a value, for style sheets and the like.",
		},
		{
			Name: "fromTOML", Global: true, Args: []string{"e"}, Fn: fromTOML,
			Doc:     "The value of a TOML text. Dates and times need the feature `parse-toml-timestamps`.",
			Example: `builtins.fromTOML "x = 1" # => { x = 1; }`,
		},
	}
}

func fetchTable() []eval.BuiltinDef {
	return []eval.BuiltinDef{
		{
			Name: "fetchurl", Args: []string{"arg"}, Fn: fetchurl,
			Doc: "Downloads a file and returns its store path. The argument is an address, or a set of `url`, " +
				"`name` and `sha256`. It happens while evaluating; in pure mode the hash is needed.",
		},
		{
			Name: "fetchTarball", Global: true, Args: []string{"args"}, Fn: fetchTarball,
			Doc: "Downloads an archive, unpacks it and returns the store path. The argument is an address, or a " +
				"set of `url`, `name` and `sha256`, the hash of the unpacked tree.",
		},
		{
			Name: "fetchGit", Global: true, Args: []string{"args"}, Fn: fetchGit,
			Doc: "Fetches a revision of a git repository. The argument is an address or path, or a set of `url` " +
				"and optionally `name`, `rev`, `ref`, `submodules`, `shallow`, `allRefs`. The result has " +
				"`outPath`, `rev`, `shortRev`, `revCount`, `lastModified` and more.",
		},
		{
			Name: "fetchMercurial", Global: true, Args: []string{"args"}, Fn: fetchMercurial,
			Doc: "Fetches a revision of a Mercurial repository.",
		},
		{
			Name: "fetchClosure", Args: []string{"args"}, Fn: fetchClosure,
			Feature: "fetch-closure",
			Doc: "Copies a store path, with all it refers to, from the binary cache `fromStore`, and returns it. `fromPath` must be " +
				"content-addressed; or `toPath` is what it becomes when it is rewritten to content-addressed form (`\"\"`: the error tells); " +
				"or `inputAddressed = true` takes it as it is, if a trusted key has signed it.",
		},
		{
			Name: "fetchTree", Global: true, Args: []string{"input"}, Fn: fetchTree,
			Feature: "fetch-tree",
			Doc: "Fetches a tree or file. The argument is a set whose `type` says how (`\"git\"`, `\"github\"`, " +
				"`\"tarball\"`, `\"file\"`, `\"path\"` …), or a string as in flake references.",
		},
		{
			Name: "getFlake", Args: []string{"args"}, Fn: getFlake,
			Feature: "flakes", Shown: true,
			Doc: "Fetches a flake by its reference, and returns its outputs with what is known of the tree. Inputs come from " +
				"its lock file; what is not locked is taken as it is now. In pure mode the reference must be locked.",
			Example: `(builtins.getFlake "github:NixOS/nixpkgs/ae2e6b3958682513d28f7d633734571fb18285dd").lib`,
		},
		{
			Name: "parseFlakeRef", Args: []string{"flake-ref"}, Fn: parseFlakeRef,
			Feature: "flakes", Shown: true,
			Doc:     "The attributes of a flake reference.",
			Example: `builtins.parseFlakeRef "github:o/r/main?dir=d" # => { dir = "d"; owner = "o"; ref = "main"; repo = "r"; type = "github"; }`,
		},
		{
			Name: "flakeRefToString", Args: []string{"attrs"}, Fn: flakeRefToString,
			Feature: "flakes", Shown: true,
			Doc:     "The flake reference with the given attributes.",
			Example: `builtins.flakeRefToString { type = "github"; owner = "o"; repo = "r"; } # => "github:o/r"`,
		},
	}
}

func constants() []eval.BuiltinDef {
	return []eval.BuiltinDef{
		constant("true", true, "The truth value true.", "", func(*machine) value { return eval.Bool(true) }),
		constant("false", true, "The truth value false.", "", func(*machine) value { return eval.Bool(false) }),
		constant("null", true, "The value that stands for none.", "", func(*machine) value { return eval.Null() }),
		constant("nixVersion", false, "The version of the language's reference implementation.", "",
			func(*machine) value { return eval.String(nixVersion, 0) }),
		constant("langVersion", false, "The version of the language.", "", func(*machine) value { return eval.Int(6) }),
		constant("storeDir", false, "The folder of the store.", "",
			func(m *machine) value { return eval.String(m.E.Options().Scheme.Dir, 0) }),
		{
			Name: "currentSystem", Impure: true,
			Doc:   "The kind of machine that evaluates, such as `\"x86_64-linux\"`, or the setting `eval-system`. Missing in pure mode.",
			Value: func(m *machine) value { return eval.String(m.E.Options().CurrentSystem, 0) },
		},
		{
			Name: "currentTime", Impure: true,
			Doc:   "The time in seconds since 1970 at which it was first asked for. Missing in pure mode.",
			Value: currentTime,
		},
		{
			Name:  "nixPath",
			Doc:   "The search path, in which `<name>` is looked up: a list of sets with `path` and `prefix`.",
			Value: nixPath,
		},
		{
			Name: "derivation", Global: true,
			Doc: "Describes a build. The argument is a set: `name`, `system` and `builder` are needed; `args` are the builder's " +
				"arguments, `outputs` the names of what it makes (`[ \"out\" ]`); all attributes become variables of its " +
				"environment. The result is that set with `outPath`, `drvPath`, an attribute for each output and more; " +
				"used in a string it gives the path of the first output, and makes what uses it depend on it.",
			Value: func(m *machine) value { return m.ImportPath(internalDir + "/derivation-internal.nix") },
		},
	}
}
