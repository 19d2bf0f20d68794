package builtins

import (
	"fmt"
	"strconv"
	"strings"
	"unsafe"

	"github.com/seed192a40f6/glang/derivation"
	"github.com/seed192a40f6/glang/lang/ast"
	"github.com/seed192a40f6/glang/lang/diag"
	"github.com/seed192a40f6/glang/lang/eval"
	"github.com/seed192a40f6/glang/store/hash"
)

// coerceStrict takes strings, paths copied to the store and sets with
// __toString or outPath; coerceLoose leaves paths where they are;
// coerceMore takes numbers, booleans, null and lists too.
var (
	coerceStrict = eval.CoerceOpts{CopyToStore: true, Canonicalise: true}
	coerceLoose  = eval.CoerceOpts{Canonicalise: true}
	coerceMore   = eval.CoerceOpts{More: true, Canonicalise: true}
	coerceEnv    = eval.CoerceOpts{More: true, CopyToStore: true, Canonicalise: true}
)

func toString(m *machine, pos ast.Pos, args []*value) value {
	s, ctx := m.CoerceToString(args[0], pos, "while evaluating the first argument passed to builtins.toString", coerceMore)
	return eval.String(s, ctx)
}

func substring(m *machine, pos ast.Pos, args []*value) value {
	start := m.ForceInt(args[0], pos, "while evaluating the first argument (the start offset) passed to builtins.substring")
	if start < 0 {
		m.Fail(diag.Eval, pos, "negative start position in 'substring'")
	}
	n := m.ForceInt(args[1], pos, "while evaluating the second argument (the substring length) passed to builtins.substring")
	m.Force(args[2], pos)
	var s string
	var ctx eval.Context
	if args[2].Kind() == eval.KindString {
		s, ctx = args[2].Str(), args[2].Context()
	} else {
		s, ctx = m.CoerceToString(args[2], pos, "while evaluating the third argument (the string) passed to builtins.substring", coerceStrict)
	}
	if start >= int64(len(s)) {
		return eval.String("", ctx)
	}
	s = s[start:]
	if n >= 0 && n < int64(len(s)) {
		s = s[:n]
	}
	return eval.String(s, ctx)
}

func stringLength(m *machine, pos ast.Pos, args []*value) value {
	s, _ := m.CoerceToString(args[0], pos, "while evaluating the argument passed to builtins.stringLength", coerceStrict)
	return eval.Int(int64(len(s)))
}

// fanOutStrings has helpers make strings of elements.
func fanOutStrings(m *machine, list []*value, pos ast.Pos) *eval.Fan {
	if !m.WantsFan(len(list)) {
		return nil
	}
	return m.FanOut(list, func(h *machine, i int) { h.CoerceToString(list[i], pos, "", coerceStrict) })
}

func concatStringsSep(m *machine, pos ast.Pos, args []*value) value {
	sep, ctx := m.ForceString(args[0], pos, "while evaluating the first argument (the separator string) passed to builtins.concatStringsSep")
	list := m.ForceList(args[1], pos, "while evaluating the second argument (the list of strings to concat) passed to builtins.concatStringsSep")
	const context = "while evaluating one element of the list of strings to concat passed to builtins.concatStringsSep"
	var few [16]string
	parts := few[:0]
	fan := fanOutStrings(m, list, pos)
	if fan != nil {
		defer fan.End()
	}
	for i, e := range list {
		fan.Reach(i)
		s, c := m.CoerceToString(e, pos, context, coerceStrict)
		ctx = m.JoinContexts(ctx, c)
		parts = append(eval.Grow(m, parts, 1), s)
	}
	if len(parts) == 1 {
		return eval.String(parts[0], ctx)
	}
	size := 0
	for _, s := range parts {
		size += len(sep) + len(s)
	}
	m.Charge(int64(size))
	return eval.String(strings.Join(parts, sep), ctx)
}

// replaceStrings tries the strings of from in order at each position. The
// context of a replacement counts only if it is used.
// checkEvery is after how many bytes of a text a builtin looks at the context.
const checkEvery = 1 << 18

func replaceStrings(m *machine, pos ast.Pos, args []*value) value {
	fromV := m.ForceList(args[0], pos, "while evaluating the first argument passed to builtins.replaceStrings")
	to := m.ForceList(args[1], pos, "while evaluating the second argument passed to builtins.replaceStrings")
	if len(fromV) != len(to) {
		m.Fail(diag.Eval, pos, "'from' and 'to' arguments passed to builtins.replaceStrings have different lengths")
	}
	m.Charge(int64(len(fromV)) * 16)
	from := make([]string, len(fromV))
	var first [256]bool // bytes that a string of from begins with
	empty := false
	for i, e := range fromV {
		from[i], _ = m.ForceString(e, pos, "while evaluating one of the strings to replace passed to builtins.replaceStrings")
		if from[i] == "" {
			empty = true
		} else {
			first[from[i][0]] = true
		}
	}
	s, ctx := m.ForceString(args[2], pos, "while evaluating the third argument passed to builtins.replaceStrings")
	var out []byte
	done := 0 // s[:done] is in out
	next := checkEvery
	for p := 0; p <= len(s); {
		if p >= next {
			next = p + checkEvery
			m.Check()
		}
		if !empty {
			end := min(len(s), p+checkEvery)
			for p < end && !first[s[p]] {
				p++
			}
			if p == len(s) {
				break
			}
			if p == end {
				continue
			}
		}
		found := -1
		for i, f := range from {
			if strings.HasPrefix(s[p:], f) {
				found = i
				break
			}
		}
		if found < 0 {
			p++
			continue
		}
		r, c := m.ForceString(to[found], pos, "while evaluating one of the replacement strings passed to builtins.replaceStrings")
		ctx = m.JoinContexts(ctx, c)
		if out == nil {
			out = eval.Grow(m, out, len(s)+len(s)/4+16)
		}
		out = append(append(eval.Grow(m, out, p-done+len(r)), s[done:p]...), r...)
		done = p
		if from[found] == "" {
			p++
		} else {
			p += len(from[found])
			done = p
		}
	}
	if out == nil {
		return eval.String(s, ctx)
	}
	out = append(eval.Grow(m, out, len(s)-done), s[done:]...)
	if cap(out)-len(out) < len(out)/2 {
		return eval.String(unsafe.String(unsafe.SliceData(out), len(out)), ctx)
	}
	m.Charge(int64(len(out)))
	return eval.String(string(out), ctx)
}

// regex gets a compiled pattern, or fails in the reference's words.
func compiled(m *machine, pos ast.Pos, pattern string) *regex {
	re, err := tableOf(m).regexes.get(pattern)
	if err != nil {
		m.Fail(diag.Eval, pos, "%s '%s'", eval.Plain(err.Error()), pattern)
	}
	return re
}

// substrings are the groups of the last match; null for one that took no part.
func substrings(m *machine, r *regexRun) value {
	out := m.NewList(r.re.groups - 1)
	for i := range out {
		if start, end, ok := r.group(i + 1); ok {
			out[i] = m.NewValue(eval.String(r.text[start:end], 0))
		} else {
			out[i] = m.NewValue(eval.Null())
		}
	}
	return eval.List(out)
}

func match(m *machine, pos ast.Pos, args []*value) value {
	pattern := m.ForceStringNoCtx(args[0], pos, "while evaluating the first argument passed to builtins.match")
	re := compiled(m, pos, pattern)
	s, _ := m.ForceString(args[1], pos, "while evaluating the second argument passed to builtins.match")
	run := re.newRun(s, m)
	defer run.release()
	if !run.match() {
		return eval.Null()
	}
	return substrings(m, run)
}

func split(m *machine, pos ast.Pos, args []*value) value {
	pattern := m.ForceStringNoCtx(args[0], pos, "while evaluating the first argument passed to builtins.split")
	re := compiled(m, pos, pattern)
	s, _ := m.ForceString(args[1], pos, "while evaluating the second argument passed to builtins.split")
	var few [64]*value
	out := few[:0]
	done := 0
	run := re.newRun(s, m)
	defer run.release()
	run.searchAll(func() {
		start, end, _ := run.group(0)
		out = append(eval.Grow(m, out, 2), m.NewValue(eval.String(s[done:start], 0)), m.NewValue(substrings(m, run)))
		done = end
	})
	if len(out) == 0 {
		out = append(out, args[1])
	} else {
		out = append(out, m.NewValue(eval.String(s[done:], 0)))
	}
	l := m.NewList(len(out))
	copy(l, out)
	return eval.List(l)
}

func parseDrvName(m *machine, pos ast.Pos, args []*value) value {
	s := m.ForceStringNoCtx(args[0], pos, "while evaluating the first argument passed to builtins.parseDrvName")
	n := derivation.ParseName(s)
	return eval.AttrsValue(m.NewAttrs(2).PutName("name", eval.String(n.Name, 0)).PutName("version", eval.String(n.Version, 0)).Build())
}

// componentsPerCheck is after how many components of a version the context is looked at.
const componentsPerCheck = 1 << 15

func compareVersions(m *machine, pos ast.Pos, args []*value) value {
	a := m.ForceStringNoCtx(args[0], pos, "while evaluating the first argument passed to builtins.compareVersions")
	b := m.ForceStringNoCtx(args[1], pos, "while evaluating the second argument passed to builtins.compareVersions")
	for n := 1; a != "" || b != ""; n++ {
		var c, d string
		c, a = derivation.NextComponent(a)
		d, b = derivation.NextComponent(b)
		if r := derivation.CompareComponents(c, d); r != 0 {
			return eval.Int(int64(r))
		}
		if n%componentsPerCheck == 0 {
			m.Check()
		}
	}
	return eval.Int(0)
}

func splitVersion(m *machine, pos ast.Pos, args []*value) value {
	rest := m.ForceStringNoCtx(args[0], pos, "while evaluating the first argument passed to builtins.splitVersion")
	var out []*value
	for {
		var c string
		if c, rest = derivation.NextComponent(rest); c == "" {
			return eval.List(out)
		}
		if len(out)%componentsPerCheck == 0 {
			m.Check()
		}
		out = append(eval.Grow(m, out, 1), m.NewValue(eval.String(c, 0)))
	}
}

func hashAlgo(m *machine, name string) hash.Algo {
	algo, err := hash.ParseAlgo(name)
	if err != nil {
		m.Fail(diag.Usage, ast.NoPos, "unknown hash algorithm '%s', expect 'blake3', 'md5', 'sha1', 'sha256', or 'sha512'", name)
	}
	requireAlgo(m, algo)
	return algo
}

// requireAlgo asks for the feature that BLAKE3 needs, unless that is the hash
// of the store itself.
func requireAlgo(m *machine, algo hash.Algo) {
	if algo == hash.BLAKE3 && m.E.Options().Scheme.Hash != hash.BLAKE3 {
		requireFeature(m, "blake3-hashes", "")
	}
}

// requireFeature fails if an experimental feature is not turned on.
func requireFeature(m *machine, feature, reason string) {
	if m.E.Options().ExperimentalFeatures[feature] {
		return
	}
	if reason != "" {
		reason = " (" + reason + ")"
	}
	m.Fail(diag.Eval, ast.NoPos, "experimental Nix feature '%s' is disabled%s; add '--extra-experimental-features %s' to enable it", feature, eval.Plain(reason), feature)
}

func hashString(m *machine, pos ast.Pos, args []*value) value {
	algo := hashAlgo(m, m.ForceStringNoCtx(args[0], pos, "while evaluating the first argument passed to builtins.hashString"))
	s, _ := m.ForceString(args[1], pos, "while evaluating the second argument passed to builtins.hashString")
	return eval.String(sum(m, algo, s).Base16(), 0)
}

// sum is the digest of a text that may be long.
func sum(m *machine, algo hash.Algo, s string) hash.Hash {
	const piece = 1 << 20 // takes about two milliseconds
	if len(s) <= piece {
		return hash.SumString(algo, s)
	}
	h := hash.New(algo)
	for len(s) > 0 {
		n := min(piece, len(s))
		_, _ = h.WriteString(s[:n]) // never fails
		s = s[n:]
		m.Check()
	}
	return h.Sum()
}

func convertHash(m *machine, pos ast.Pos, args []*value) value {
	set := m.ForceAttrs(args[0], pos, "while evaluating the first argument passed to builtins.convertHash")
	in := m.E.Symbols.Intern
	text := m.ForceStringNoCtx(requireAttr(m, set, in("hash"), "while locating the attribute 'hash'"), pos, "while evaluating the attribute 'hash'")
	var algo hash.Algo
	if v, ok := set.Get(in("hashAlgo")); ok {
		algo = hashAlgo(m, m.ForceStringNoCtx(v, pos, "while evaluating the attribute 'hashAlgo'"))
	}
	formatName := m.ForceStringNoCtx(requireAttr(m, set, in("toHashFormat"), "while locating the attribute 'toHashFormat'"), pos, "while evaluating the attribute 'toHashFormat'")
	format, deprecated, err := hash.ParseFormat(formatName)
	if err != nil {
		m.Fail(diag.Usage, ast.NoPos, "unknown hash format '%s', expect 'base16', 'base32', 'base64', or 'sri'", formatName)
	}
	if deprecated {
		warnf(m, `"base32" is a deprecated alias for hash format "nix32".`)
	}
	h, err := hash.ParseAny(text, algo)
	if err != nil {
		m.FailErr(ast.NoPos, err)
	}
	return eval.String(h.Format(format), 0)
}

// formatFloatG writes a float as C++ streams do by default: six significant digits.
func formatFloatG(f float64) string {
	s := strconv.FormatFloat(f, 'g', 6, 64)
	mant, exp, ok := strings.Cut(s, "e")
	if strings.Contains(mant, ".") {
		mant = strings.TrimRight(strings.TrimRight(mant, "0"), ".")
	}
	switch s {
	case "NaN":
		return "nan"
	case "+Inf":
		return "inf"
	case "-Inf":
		return "-inf"
	}
	if !ok {
		return mant
	}
	n, _ := strconv.Atoi(exp)
	return fmt.Sprintf("%se%+03d", mant, n)
}
