package eval

import (
	"cmp"
	"encoding/binary"
	"slices"

	"github.com/seed192a40f6/glang/lang/ast"
)

// symbolOrder are the names that the reference knows before it reads any text,
// in its order. Attributes are kept, and forced by deepSeq and the like, in the
// order of their symbols; so which of two failing attributes an error is about
// depends on which of their names was known first (see Machine.order). The last line is that
// of its wrapper for derivations. Symbols that were interned
// before (the host's) make no difference as long as they are none of these.
const symbolOrder = `outPath drvPath type meta name value system __overrides outputs outputName __ignoreNulls file line
column __functor __toString right wrong __structuredAttrs __json allowedReferences allowedRequisites disallowedReferences
disallowedRequisites maxSize maxClosureSize builder args __contentAddressed __impure outputHash outputHashAlgo
outputHashMode recurseForDerivations description self startSet operator key path prefix outputSpecified __sub __lessThan
__mul __div or __findFile __nixPath body
builtins true false null __currentTime currentTime __currentSystem currentSystem __nixVersion nixVersion __storeDir
storeDir __langVersion langVersion __traceVerbose traceVerbose nixPath scopedImport import __typeOf typeOf isNull
__isFunction isFunction __isInt isInt __isFloat isFloat __isString isString __isBool isBool __isPath isPath
__genericClosure genericClosure break abort throw __addErrorContext addErrorContext __ceil ceil __floor floor __tryEval
tryEval __getEnv getEnv __seq seq __deepSeq deepSeq __trace trace __warn warn derivationStrict placeholder __toPath toPath
__storePath storePath __pathExists pathExists baseNameOf dirOf __readFile readFile findFile __hashFile hashFile
__readFileType readFileType __readDir readDir __toXML toXML __toJSON toJSON __fromJSON fromJSON __toFile toFile
__filterSource filterSource __path __attrNames attrNames __attrValues attrValues __getAttr getAttr __unsafeGetAttrPos
unsafeGetAttrPos __hasAttr hasAttr __isAttrs isAttrs removeAttrs __listToAttrs listToAttrs __intersectAttrs intersectAttrs
__catAttrs catAttrs __functionArgs functionArgs __mapAttrs mapAttrs __zipAttrsWith zipAttrsWith __isList isList __elemAt
elemAt __head head __tail tail map __filter filter __elem elem __concatLists concatLists __length length __foldl' foldl'
__any any __all all __genList genList __sort sort __partition partition __groupBy groupBy __concatMap concatMap __add add
sub mul div __bitAnd bitAnd __bitOr bitOr __bitXor bitXor lessThan toString __substring substring __stringLength
stringLength __hashString hashString __convertHash convertHash __match match __split split __concatStringsSep
concatStringsSep __replaceStrings replaceStrings __parseDrvName parseDrvName __compareVersions compareVersions
__splitVersion splitVersion __unsafeDiscardStringContext unsafeDiscardStringContext __hasContext hasContext
__unsafeDiscardOutputDependency unsafeDiscardOutputDependency __addDrvOutputDependencies addDrvOutputDependencies
__getContext getContext __appendContext appendContext fetchMercurial __fetchurl fetchurl fetchTarball fetchGit fromTOML
__getFlake getFlake __parseFlakeRef parseFlakeRef __flakeRefToString flakeRefToString derivation
strict drvAttrs commonAttrs outputsList all x outputToAttrListElement`

// sortedNames is the order of names by their text. What follows the beginning that
// all have in common decides most comparisons: up to five bytes of it are sorted as
// numbers, together with the place in names.
func sortedNames(symbols *ast.Symbols, names []ast.Symbol) []uint32 {
	order := make([]uint32, len(names))
	if len(names) >= 1<<placeBits {
		for i := range order {
			order[i] = uint32(i)
		}
		slices.SortFunc(order, func(x, y uint32) int { return cmp.Compare(symbols.Name(names[x]), symbols.Name(names[y])) })
		return order
	}
	common := commonPrefix(symbols, names)
	keys := make([]uint64, len(names))
	for i, n := range names {
		var b [8]byte
		copy(b[:8-placeBits/8], symbols.Name(n)[common:])
		keys[i] = binary.BigEndian.Uint64(b[:]) | uint64(i)
	}
	slices.Sort(keys)
	for i, k := range keys {
		order[i] = uint32(k & (1<<placeBits - 1))
	}
	for from := 0; from < len(keys); {
		to := from + 1
		for to < len(keys) && keys[to]>>placeBits == keys[from]>>placeBits {
			to++
		}
		if to > from+1 {
			slices.SortFunc(order[from:to], func(x, y uint32) int {
				return cmp.Compare(symbols.Name(names[x])[common:], symbols.Name(names[y])[common:])
			})
		}
		from = to
	}
	return order
}

// placeBits are those of a key of sortedNames that tell the name's place.
const placeBits = 24

// commonPrefix is how many bytes all names begin with alike.
func commonPrefix(symbols *ast.Symbols, names []ast.Symbol) int {
	if len(names) == 0 {
		return 0
	}
	first := symbols.Name(names[0])
	n := len(first)
	for _, s := range names[1:] {
		name := symbols.Name(s)
		n = min(n, len(name))
		for i := range n {
			if name[i] != first[i] {
				n = i
				break
			}
		}
		if n == 0 {
			break
		}
	}
	return n
}
