package builtins

import (
	"net/url"
	"strings"

	"github.com/seed192a40f6/glang/lang/ast"
	"github.com/seed192a40f6/glang/lang/diag"
	"github.com/seed192a40f6/glang/lang/eval"
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

func (t *table) fetchurl(m *machine, pos ast.Pos, args []*value) value {
	return fetchFile(m, pos, args[0], "fetchurl", false, "")
}

func (t *table) fetchTarball(m *machine, pos ast.Pos, args []*value) value {
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
	f := fetcher(m, r.url)
	var p storepath.Path
	var err error
	if unpack {
		p, err = f.FetchTarball(m.Context(), r.url, r.name, r.hash)
	} else {
		p, err = f.FetchFile(m.Context(), r.url, r.name, r.hash)
	}
	if err != nil {
		m.FailErr(pos, err)
	}
	return storePathString(m, p)
}

func (r *fetchRequest) fromSet(m *machine, pos ast.Pos, set *eval.Attrs, who string) {
	r.isSet = true
	found := false
	for i := range set.Len() {
		a := set.Index(i)
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

// fetchGit takes an address, or a set with one; a path means file://.
func (t *table) fetchGit(m *machine, pos ast.Pos, args []*value) value {
	m.Force(args[0], pos)
	attrs := map[string]any{}
	if args[0].Kind() == eval.KindAttrs {
		treeAttrs(m, pos, args[0].Attrs(), attrs, "fetchGit")
		if _, ok := attrs["type"]; ok {
			m.Fail(diag.Eval, pos, "unexpected argument 'type'")
		}
	} else {
		s, _ := m.CoerceToString(args[0], pos, "while evaluating the first argument passed to 'fetchTree' or 'fetchGit'", coerceLoose)
		attrs["url"] = s
	}
	u, _ := attrs["url"].(string)
	attrs["url"] = fixGitURL(u)
	attrs["type"] = "git"
	return fetchTreeAttrs(m, pos, attrs, "fetchGit", true)
}

// fixGitURL turns the address forms that git understands into URLs.
func fixGitURL(u string) string {
	if strings.Contains(u, "://") {
		return u
	}
	if !strings.HasPrefix(u, "/") && !strings.HasPrefix(u, ".") {
		if host, rest, ok := strings.Cut(u, ":"); ok && !strings.Contains(host, "/") && rest != "" {
			return "ssh://" + host + "/" + strings.TrimPrefix(rest, "/")
		}
	}
	if strings.HasPrefix(u, "file:") {
		return u
	}
	return (&url.URL{Scheme: "file", Path: u}).String()
}

func (t *table) fetchTree(m *machine, pos ast.Pos, args []*value) value {
	m.Force(args[0], pos)
	attrs := map[string]any{}
	if args[0].Kind() == eval.KindAttrs {
		treeAttrs(m, pos, args[0].Attrs(), attrs, "fetchTree")
		if _, ok := attrs["type"].(string); !ok {
			m.Fail(diag.Eval, pos, "argument 'type' is missing in call to '%s'", "fetchTree")
		}
	} else {
		s, _ := m.CoerceToString(args[0], pos, "while evaluating the first argument passed to 'fetchTree' or 'fetchGit'", coerceLoose)
		attrs["url"] = s
	}
	return fetchTreeAttrs(m, pos, attrs, "fetchTree", false)
}

func (t *table) fetchMercurial(m *machine, pos ast.Pos, args []*value) value {
	m.Force(args[0], pos)
	attrs := map[string]any{"type": "hg", "name": "source"}
	u := ""
	if args[0].Kind() == eval.KindAttrs {
		set := args[0].Attrs()
		for i := range set.Len() {
			a := set.Index(i)
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
	p, info, err := fetcher(m, u).FetchTree(m.Context(), "hg", attrs)
	if err != nil {
		m.FailErr(pos, err)
	}
	const noRev = "0000000000000000000000000000000000000000"
	rev, _ := info["rev"].(string)
	if len(rev) < 12 {
		rev = noRev
	}
	b := m.NewAttrs(5).PutName("outPath", storePathString(m, p)).
		PutName("rev", eval.String(rev, 0)).PutName("shortRev", eval.String(rev[:12], 0))
	if s, ok := info["ref"].(string); ok {
		b.PutName("branch", eval.String(s, 0))
	}
	if n, ok := info["revCount"].(int64); ok {
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

// treeAttrs takes the attributes of a fetcher's argument.
func treeAttrs(m *machine, pos ast.Pos, set *eval.Attrs, attrs map[string]any, who string) {
	for i := range set.Len() {
		a := set.Index(i)
		m.Force(a.Value, a.Pos)
		name := m.E.Symbols.Name(a.Name)
		switch a.Value.Kind() {
		case eval.KindPath, eval.KindString:
			s, _ := m.CoerceToString(a.Value, a.Pos, "", coerceLoose)
			if who == "fetchGit" && name == "url" {
				s = fixGitURL(s)
			}
			attrs[name] = s
		case eval.KindBool:
			attrs[name] = a.Value.Bool()
		case eval.KindInt:
			if a.Value.Int() < 0 {
				m.Fail(diag.Eval, pos, "negative value given for '%s' argument '%s': %d", who, name, a.Value.Int())
			}
			attrs[name] = a.Value.Int()
		default:
			if name == "publicKeys" {
				text, _ := m.ToJSON(a.Value, pos, true, true)
				attrs[name] = text
				continue
			}
			m.Fail(diag.Type, pos, "argument '%s' to '%s' is %s while a string, Boolean or Integer is expected", name, who, m.ShowType(a.Value))
		}
	}
}

// fetchTreeAttrs fetches, and makes a set of what is known about the tree.
func fetchTreeAttrs(m *machine, pos ast.Pos, attrs map[string]any, who string, git bool) value {
	u, _ := attrs["url"].(string)
	if u != "" {
		checkURI(m, u)
	}
	if m.E.Options().Pure {
		_, rev := attrs["rev"].(string)
		_, nar := attrs["narHash"].(string)
		if !rev && !nar {
			if git {
				m.Fail(diag.Eval, ast.NoPos, "in pure evaluation mode, '%s' doesn't fetch unlocked input '%s'", who, u)
			}
			m.Fail(diag.Eval, ast.NoPos, "in pure evaluation mode, '%s' doesn't fetch unlocked input '%s'", who, u)
		}
	}
	if _, ok := attrs["name"]; !ok && git {
		attrs["name"] = "source"
	}
	kind, _ := attrs["type"].(string)
	p, info, err := fetcher(m, u).FetchTree(m.Context(), kind, attrs)
	if err != nil {
		m.FailErr(pos, err)
	}
	return treeValue(m, p, info, git)
}

// treeValue describes a fetched tree. A git tree with changes that are not
// committed has the revision of zeros, for the sake of old expressions.
func treeValue(m *machine, p storepath.Path, info map[string]any, git bool) value {
	b := m.NewAttrs(10).PutName("outPath", storePathString(m, p))
	put := func(name string) bool {
		switch x := info[name].(type) {
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
	if git && info["submodules"] == nil {
		b.PutName("submodules", eval.Bool(false))
	} else {
		put("submodules")
	}
	if rev, ok := info["rev"].(string); ok && len(rev) >= 7 {
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
		put("lastModifiedDate")
	}
	return eval.AttrsValue(b.Build())
}
