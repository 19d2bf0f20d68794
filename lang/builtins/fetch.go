package builtins

import (
	"errors"
	"strings"
	"time"

	"github.com/seed192a40f6/glang/lang/ast"
	"github.com/seed192a40f6/glang/lang/diag"
	"github.com/seed192a40f6/glang/lang/eval"
	"github.com/seed192a40f6/glang/lang/flakeref"
	"github.com/seed192a40f6/glang/store/hash"
	"github.com/seed192a40f6/glang/store/storepath"
)

// checkURI fails if restricted or pure evaluation must not fetch from an address.
func checkURI(m *machine, uri string) {
	o := m.E.Options()
	if !o.Restrict && !o.Pure {
		return
	}
	for _, prefix := range o.AllowedURIs {
		if uriAllowed(uri, prefix) {
			return
		}
	}
	if o.Pure && !o.Restrict {
		return
	}
	local := ""
	if strings.HasPrefix(uri, "/") {
		local = uri
	} else if rest, ok := strings.CutPrefix(uri, "file://"); ok {
		local = rest
	}
	if local != "" {
		if err := m.E.CheckAccess(eval.CleanPath(local)); err != nil {
			m.FailErr(ast.NoPos, err)
		}
		return
	}
	m.Fail(diag.Restricted, ast.NoPos, "access to URI '%s' is forbidden in restricted mode", uri)
}

// uriAllowed: an address is allowed by itself, by a prefix that ends at a
// slash, and by a scheme with its colon.
func uriAllowed(uri, prefix string) bool {
	if !strings.HasPrefix(uri, prefix) {
		return false
	}
	rest := uri[len(prefix):]
	if rest == "" || strings.HasSuffix(prefix, "/") || rest[0] == '/' {
		return prefix != ""
	}
	return strings.HasSuffix(prefix, ":") && !strings.Contains(prefix[:len(prefix)-1], ":")
}

func fetcher(m *machine, what string) eval.Fetcher {
	f := m.E.Options().Fetcher
	if f == nil {
		m.Fail(diag.Eval, ast.NoPos, "cannot fetch '%s': this evaluator has no way to", what)
	}
	return f
}

func fetchurl(m *machine, pos ast.Pos, args []*value) value {
	return fetchFile(m, pos, args[0], "fetchurl", false, "")
}

func fetchTarball(m *machine, pos ast.Pos, args []*value) value {
	return fetchFile(m, pos, args[0], "fetchTarball", true, "source")
}

// fetchRequest is what fetchurl and fetchTarball are asked for.
type fetchRequest struct {
	url, name string
	hash      hash.Hash
	isSet     bool
	nameGiven bool
}

func fetchFile(m *machine, pos ast.Pos, arg *value, who string, unpack bool, name string) value {
	m.Force(arg, pos)
	r := fetchRequest{name: name}
	if arg.Kind() == eval.KindAttrs {
		r.fromSet(m, pos, arg.Attrs(), who)
	} else {
		r.url = m.ForceStringNoCtx(arg, pos, "while evaluating the url we should fetch")
	}
	if unpack {
		r.url = resolvePseudoURL(r.url)
	}
	checkURI(m, r.url)
	if r.name == "" {
		r.name = legacyBaseName(r.url)
	}
	r.checkName(m, pos, who)
	o := m.E.Options()
	if o.Pure && r.hash.IsZero() {
		m.Fail(diag.Eval, pos, "in pure evaluation mode, '%s' requires a 'sha256' argument", who)
	}
	if !r.hash.IsZero() && o.Paths != nil {
		method := storepath.Flat
		if unpack {
			method = storepath.NAR
		}
		p, err := o.Scheme.FixedOutputPath(r.name, method, r.hash, nil, false)
		if err != nil {
			m.FailErr(ast.NoPos, err)
		}
		if err := o.Paths.EnsurePath(m.Context(), p); err == nil {
			return storePathString(m, p)
		}
	}
	m.Effect()
	f := fetcher(m, r.url)
	var p storepath.Path
	var err error
	if unpack {
		p, err = f.FetchTarball(m.Context(), r.url, r.name, r.hash)
	} else {
		p, err = f.FetchFile(m.Context(), r.url, r.name, r.hash)
	}
	if err != nil {
		fetchFail(m, pos, err)
	}
	return storePathString(m, p)
}

// fetchFail throws an error of a fetcher. One that asks for an exit status,
// such as that a hash is not the one expected, is about the expression.
func fetchFail(m *machine, pos ast.Pos, err error) {
	var status interface{ ExitStatus() int }
	if errors.As(err, &status) {
		m.Errorf(diag.Eval, pos, "%s", eval.Plain(err.Error())).WithStatus(status.ExitStatus()).WithCause(err).Throw()
	}
	m.FailErr(ast.NoPos, err)
}

func (r *fetchRequest) fromSet(m *machine, pos ast.Pos, set *eval.Attrs, who string) {
	r.isSet = true
	found := false
	for a := range set.Ordered(m) {
		switch name := m.E.Symbols.Name(a.Name); name {
		case "url":
			r.url = m.ForceStringNoCtx(a.Value, a.Pos, "while evaluating the url we should fetch")
			found = true
		case "sha256":
			r.hash = hashAllowEmpty(m, m.ForceStringNoCtx(a.Value, a.Pos, "while evaluating the sha256 of the content we should fetch"), hash.SHA256)
		case "name":
			r.name = m.ForceStringNoCtx(a.Value, a.Pos, "while evaluating the name of the content we should fetch")
			r.nameGiven = true
		default:
			m.Fail(diag.Eval, pos, "unsupported argument '%s' to '%s'", name, who)
		}
	}
	if !found {
		m.Fail(diag.Eval, pos, "'url' argument required")
	}
}

func (r *fetchRequest) checkName(m *machine, pos ast.Pos, who string) {
	err := storepath.CheckName(r.name)
	if err == nil {
		return
	}
	var advice string
	switch {
	case r.nameGiven:
		advice = eval.Messagef("Please change the value for the 'name' attribute passed to '%s', so that it can create a valid store path.", who)
	case r.isSet:
		advice = eval.Messagef("Please add a valid 'name' attribute to the argument for '%s', so that it can create a valid store path.", who)
	default:
		advice = eval.Messagef("Please pass an attribute set with 'url' and 'name' attributes to '%s',  so that it can create a valid store path.", who)
	}
	m.Fail(diag.Eval, pos, "invalid store path name when fetching URL '%s': %s. %s", r.url, eval.Plain(err.Error()), eval.Plain(advice))
}

// resolvePseudoURL makes an address of channel:NAME.
func resolvePseudoURL(u string) string {
	if rest, ok := strings.CutPrefix(u, "channel:"); ok {
		return "https://channels.nixos.org/" + rest + "/nixexprs.tar.xz"
	}
	return u
}

func fetchGit(m *machine, pos ast.Pos, args []*value) value {
	return fetchTreeInput(m, pos, args[0], "fetchGit")
}

func fetchTree(m *machine, pos ast.Pos, args []*value) value {
	return fetchTreeInput(m, pos, args[0], "fetchTree")
}

// fetchTreeInput is fetchTree, or fetchGit: that takes addresses as git does,
// and the attribute name.
func fetchTreeInput(m *machine, pos ast.Pos, arg *value, who string) value {
	m.Force(arg, pos)
	git := who == "fetchGit"
	attrs := flakeref.Attrs{}
	if git {
		attrs["type"] = "git"
	}
	var err error
	if arg.Kind() == eval.KindAttrs {
		treeAttrs(m, pos, arg.Attrs(), attrs, who)
		attrs, err = flakeref.CheckInput(attrs)
	} else {
		s, _ := m.CoerceToString(arg, pos, "while evaluating the first argument passed to '"+who+"'", coerceLoose)
		if git {
			attrs["url"] = fixGitURL(m, s)
			attrs["exportIgnore"] = true
			attrs, err = flakeref.CheckInput(attrs)
		} else {
			if !m.E.Options().ExperimentalFeatures["flakes"] {
				m.Fail(diag.Eval, pos, "passing a string argument to '%s' requires the 'flakes' experimental feature", who)
			}
			var u flakeref.URL
			if u, err = flakeref.ParseURL(s); err == nil {
				attrs, err = flakeref.InputFromURL(u, true)
			}
		}
	}
	if err != nil {
		m.FailErr(ast.NoPos, err)
	}
	text := inputText(m, attrs)
	checkLocked(m, pos, attrs, text, who)
	checkURI(m, text)
	if _, ok := attrs["__final"]; ok {
		m.Fail(diag.Eval, ast.NoPos, "input '%s' is not allowed to use the '__final' attribute", text)
	}
	t := fetchInput(m, attrs, text, eval.AllRegistries)
	return treeValue(m, t.Path, t.Locked, git)
}

func inputText(m *machine, attrs flakeref.Attrs) string {
	u, err := attrs.URL()
	if err != nil {
		m.FailErr(ast.NoPos, err)
	}
	return u.String()
}

// checkLocked: pure evaluation fetches only what is fixed by a hash.
func checkLocked(m *machine, pos ast.Pos, attrs flakeref.Attrs, text, who string) {
	if !m.E.Options().Pure || attrs.IsLocked() {
		return
	}
	if attrs["narHash"] == nil {
		m.Fail(diag.Eval, pos, "in pure evaluation mode, '%s' doesn't fetch unlocked input '%s'", who, text)
	}
	warnf(m, "Input '%s' is unlocked (e.g. lacks a Git revision) but is checked by NAR hash. "+
		"This is not reproducible and will break after garbage collection or when shared.", text)
}

// fetchInput fetches, unless the store has what a hash describes.
func fetchInput(m *machine, attrs flakeref.Attrs, text string, r eval.Registries) (t eval.FetchedTree) {
	if f := m.Catch(func() {
		checkRelative(m, attrs)
		var err error
		m.Effect()
		if t, err = fetcher(m, text).FetchTree(m.Context(), attrs, r); err != nil {
			fetchFail(m, ast.NoPos, err)
		}
	}); f != nil {
		m.Trace(ast.NoPos, eval.Messagef("while fetching the input '%s'", text))
		f.Throw()
	}
	return t
}

// checkRelative refuses file addresses without a full path.
func checkRelative(m *machine, attrs flakeref.Attrs) {
	s, _ := attrs["url"].(string)
	u, err := flakeref.ParseURL(s)
	if err == nil && u.Transport() == "file" && attrs["type"] == "tarball" && u.Path[0] != "" {
		m.Fail(diag.Eval, ast.NoPos, "tarball '%s' must use an absolute path. The 'file' scheme does not support relative paths.", s)
	}
}

// fixGitURL makes an address of the forms that git understands besides URLs.
func fixGitURL(m *machine, s string) string {
	if !strings.HasPrefix(s, "/") {
		if user, rest, ok := strings.Cut(s, "@"); ok && !strings.Contains(user, "/") {
			if i := strings.LastIndexByte(rest, ':'); i >= 0 && !strings.Contains(s, "://") {
				return "ssh://" + user + "@" + rest[:i] + "/" + rest[i+1:]
			}
		}
	}
	if strings.HasPrefix(s, "file:") || strings.HasPrefix(s, "git+file:") || strings.Contains(s, "://") {
		u, err := flakeref.ParseURL(s)
		if err != nil {
			m.FailErr(ast.NoPos, err)
		}
		return u.String()
	}
	path := strings.Split(s, "/")
	if strings.Contains(path[0], ":") {
		m.Fail(diag.Eval, ast.NoPos, "SCP-like URL '%s' is not supported; use SSH URL syntax instead (ssh://...)", s)
	}
	return flakeref.URL{Scheme: "file", HasAuthority: path[0] == "", Path: path}.String()
}

func fetchMercurial(m *machine, pos ast.Pos, args []*value) value {
	m.Force(args[0], pos)
	attrs := flakeref.Attrs{"type": "hg", "name": "source"}
	u := ""
	if args[0].Kind() == eval.KindAttrs {
		set := args[0].Attrs()
		for a := range set.Ordered(m) {
			switch name := m.E.Symbols.Name(a.Name); name {
			case "url":
				u, _ = m.CoerceToString(a.Value, a.Pos, "while evaluating the `url` attribute passed to builtins.fetchMercurial", coerceLoose)
			case "rev":
				rev := m.ForceStringNoCtx(a.Value, a.Pos, "while evaluating the `rev` attribute passed to builtins.fetchMercurial")
				if isRev(rev) {
					attrs["rev"] = rev
				} else {
					attrs["ref"] = rev
				}
			case "name":
				attrs["name"] = m.ForceStringNoCtx(a.Value, a.Pos, "while evaluating the `name` attribute passed to builtins.fetchMercurial")
			default:
				m.Fail(diag.Eval, a.Pos, "unsupported argument '%s' to 'fetchMercurial'", eval.QuoteName(name))
			}
		}
		if u == "" {
			m.Fail(diag.Eval, pos, "'url' argument required")
		}
	} else {
		u, _ = m.CoerceToString(args[0], pos, "while evaluating the first argument passed to builtins.fetchMercurial", coerceLoose)
	}
	checkURI(m, u)
	if _, ok := attrs["rev"]; !ok && m.E.Options().Pure {
		m.Fail(diag.Eval, ast.NoPos, "in pure evaluation mode, 'fetchMercurial' requires a Mercurial revision")
	}
	if !strings.Contains(u, "://") {
		u = "file://" + u
	}
	attrs["url"] = u
	tree := fetchInput(m, attrs, inputText(m, attrs), eval.AllRegistries)
	const noRev = "0000000000000000000000000000000000000000"
	rev, _ := tree.Locked["rev"].(string)
	if len(rev) < 12 {
		rev = noRev
	}
	b := m.NewAttrs(5).PutName("outPath", storePathString(m, tree.Path)).
		PutName("rev", eval.String(rev, 0)).PutName("shortRev", eval.String(rev[:12], 0))
	if s, ok := tree.Locked["ref"].(string); ok {
		b.PutName("branch", eval.String(s, 0))
	}
	if n, ok := tree.Locked["revCount"].(int64); ok {
		b.PutName("revCount", eval.Int(n))
	}
	return eval.AttrsValue(b.Build())
}

func isRev(s string) bool {
	if len(s) != 40 {
		return false
	}
	for i := range len(s) {
		if !isDigit(s[i]) && (s[i] < 'a' || s[i] > 'f') {
			return false
		}
	}
	return true
}

// treeAttrs takes the attributes of the argument of fetchTree or fetchGit.
func treeAttrs(m *machine, pos ast.Pos, set *eval.Attrs, attrs flakeref.Attrs, who string) {
	git := who == "fetchGit"
	typeSym := m.E.Sym.Type
	if v, at, ok := set.Find(typeSym); ok {
		if git {
			m.Fail(diag.Eval, pos, "unexpected argument 'type'")
		}
		attrs["type"] = m.ForceStringNoCtx(v, at, "while evaluating the `type` argument passed to '"+who+"'")
	} else if !git {
		m.Fail(diag.Eval, pos, "argument 'type' is missing in call to '%s'", who)
	}
	for a := range set.Ordered(m) {
		if a.Name == typeSym {
			continue
		}
		name := m.E.Symbols.Name(a.Name)
		m.Force(a.Value, a.Pos)
		switch a.Value.Kind() {
		case eval.KindPath, eval.KindString:
			s, _ := m.CoerceToString(a.Value, a.Pos, "", coerceLoose)
			if git && name == "url" {
				s = fixGitURL(m, s)
			}
			attrs[name] = s
		case eval.KindBool:
			attrs[name] = a.Value.Bool()
		case eval.KindInt:
			if a.Value.Int() < 0 {
				m.Fail(diag.Eval, pos, "negative value given for '%s' argument '%s': %d", who, eval.QuoteName(name), a.Value.Int())
			}
			attrs[name] = a.Value.Int()
		default:
			if name != "publicKeys" {
				m.Fail(diag.Type, ast.NoPos, "argument '%s' to '%s' is %s while a string, Boolean or integer is expected", eval.QuoteName(name), who, m.ShowType(a.Value))
			}
			requireFeature(m, "verified-fetches", "")
			attrs[name], _ = m.ToJSON(a.Value, pos, true, true)
		}
	}
	submodules, _ := attrs["submodules"].(bool)
	if _, ok := attrs["exportIgnore"]; git && !ok && !submodules {
		attrs["exportIgnore"] = true
	}
	if _, ok := attrs["shallow"]; !git && attrs["type"] == "git" && !ok {
		attrs["shallow"] = true
	}
	if _, ok := attrs["name"]; !git && ok {
		m.Fail(diag.Eval, pos, "argument 'name' isn’t supported in call to '%s'", who)
	}
}

// treeValue describes a fetched tree. A git tree with changes that are not
// committed has the revision of zeros, for the sake of old expressions.
func treeValue(m *machine, p storepath.Path, locked map[string]any, git bool) value {
	b := m.NewAttrs(10).PutName("outPath", storePathString(m, p))
	put := func(name string) bool {
		switch x := locked[name].(type) {
		case string:
			b.PutName(name, eval.String(x, 0))
		case int64:
			b.PutName(name, eval.Int(x))
		case bool:
			b.PutName(name, eval.Bool(x))
		default:
			return false
		}
		return true
	}
	put("narHash")
	if !put("submodules") && git {
		b.PutName("submodules", eval.Bool(false))
	}
	if rev, ok := locked["rev"].(string); ok && len(rev) >= 7 {
		b.PutName("rev", eval.String(rev, 0)).PutName("shortRev", eval.String(rev[:7], 0))
	} else if git {
		b.PutName("rev", eval.String(strings.Repeat("0", 40), 0)).PutName("shortRev", eval.String("0000000", 0))
	}
	if !put("revCount") && git {
		b.PutName("revCount", eval.Int(0))
	}
	put("dirtyRev")
	put("dirtyShortRev")
	if put("lastModified") {
		n, _ := locked["lastModified"].(int64)
		b.PutName("lastModifiedDate", eval.String(time.Unix(n, 0).UTC().Format("20060102150405"), 0))
	}
	return eval.AttrsValue(b.Build())
}

// requireFlakes fails if an input is of a kind that needs the experimental
// feature flakes, and that is not turned on.
func requireFlakes(m *machine, input flakeref.Attrs) {
	switch input["type"] {
	case "path", "indirect", "github", "gitlab", "sourcehut":
		requireFeature(m, "flakes", "")
	}
}

func parseFlakeRef(m *machine, pos ast.Pos, args []*value) value {
	s := m.ForceStringNoCtx(args[0], pos, "while evaluating the argument passed to builtins.parseFlakeRef")
	ref, fragment, err := flakeref.Parse(s, true)
	if err != nil {
		m.FailErr(ast.NoPos, err)
	}
	requireFlakes(m, ref.Input)
	if fragment != "" {
		m.Fail(diag.Eval, ast.NoPos, "unexpected fragment '%s' in flake reference '%s'", fragment, s)
	}
	attrs := ref.Attrs()
	b := m.NewAttrs(len(attrs))
	for name, x := range attrs {
		switch x := x.(type) {
		case string:
			b.PutName(name, eval.String(x, 0))
		case int64:
			b.PutName(name, eval.Int(x))
		case bool:
			b.PutName(name, eval.Bool(x))
		}
	}
	return eval.AttrsValue(b.Build())
}

func flakeRefToString(m *machine, pos ast.Pos, args []*value) value {
	set := m.ForceAttrs(args[0], ast.NoPos, "while evaluating the argument passed to builtins.flakeRefToString")
	attrs := flakeref.Attrs{}
	for a := range set.Ordered(m) {
		name := m.E.Symbols.Name(a.Name)
		m.Force(a.Value, a.Pos)
		switch a.Value.Kind() {
		case eval.KindInt:
			if a.Value.Int() < 0 {
				m.Fail(diag.Eval, pos, "negative value given for flake ref attr %s: %d", eval.QuoteName(name), a.Value.Int())
			}
			attrs[name] = a.Value.Int()
		case eval.KindBool:
			attrs[name] = a.Value.Bool()
		case eval.KindString:
			attrs[name] = a.Value.Str()
		default:
			m.Fail(diag.Eval, ast.NoPos, "flake reference attribute sets may only contain integers, Booleans, and strings, but attribute '%s' is %s", eval.QuoteName(name), m.ShowType(a.Value))
		}
	}
	requireFlakes(m, attrs)
	ref, err := flakeref.FromAttrs(attrs)
	if err != nil {
		m.FailErr(ast.NoPos, err)
	}
	text, err := ref.Text()
	if err != nil {
		m.FailErr(ast.NoPos, err)
	}
	return eval.String(text, 0)
}
