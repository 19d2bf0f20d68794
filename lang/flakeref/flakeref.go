// Package flakeref reads and writes references to trees that can be fetched:
// "github:NixOS/nixpkgs/23.05?dir=lib", "git+https://…", "path:/…".
//
// A [Ref] is a set of attributes, of which "type" says how the others are
// meant; the text and the attributes carry the same. Nothing is fetched here.
package flakeref

import (
	"encoding/json"
	"fmt"
	"maps"
	"strconv"
	"strings"

	"github.com/seed192a40f6/glang/internal/lazyre"
	"github.com/seed192a40f6/glang/store/hash"
)

// Attrs are attributes of a reference. Their values are string, int64 and bool.
type Attrs map[string]any

// Ref is a reference to a tree and a folder in it.
type Ref struct {
	Input Attrs
	// Dir is the folder that has the flake, "" for the root.
	Dir string
}

var (
	flakeID   = lazyre.New(`^([a-zA-Z][a-zA-Z0-9_-]*)(?:/([^#?]*))?(?:#(.*))?$`)
	refName   = lazyre.New(`^[a-zA-Z0-9@][a-zA-Z0-9_./@+-]*$`)
	revision  = lazyre.New(`^[0-9a-fA-F]{40}$`)
	pathRef   = lazyre.New(`^([^?#]*)(?:\?([^#]*))?(?:#((?s:.*)))?$`)
	inputName = lazyre.New(`^[a-zA-Z][a-zA-Z0-9_-]*$`)
	hostName  = lazyre.New(`^[a-zA-Z0-9.-]*$`)
)

// Parse reads a reference; what follows "#" is returned as the fragment.
// Paths must be absolute. isFlake tells that a tree is wanted and not any file.
func Parse(s string, isFlake bool) (ref Ref, fragment string, err error) {
	if ref, fragment, ok, err := parseID(s); ok || err != nil {
		return ref, fragment, err
	}
	if u, err := ParseURL(s); err == nil {
		ref, fragment, err := fromURL(u, isFlake)
		if _, bad := err.(*BadURLError); !bad {
			return ref, fragment, err
		}
	}
	m := pathRef().FindStringSubmatch(s)
	if m == nil {
		return Ref{}, "", fmt.Errorf("invalid flakeref '%s'", s)
	}
	query, err := decodeQuery(m[2])
	if err != nil {
		return Ref{}, "", err
	}
	if fragment, err = decode(m[3]); err != nil {
		return Ref{}, "", err
	}
	if !strings.HasPrefix(m[1], "/") {
		return Ref{}, "", badURL("flake reference '%s' is not an absolute path", s)
	}
	return fromURL(URL{Scheme: "path", HasAuthority: true, Path: strings.Split(m[1], "/"), Query: query, Fragment: fragment}, isFlake)
}

// parseID reads "ID", "ID/REF", "ID/REV" and "ID/REF/REV": names of the registry.
func parseID(s string) (ref Ref, fragment string, ok bool, err error) {
	m := flakeID().FindStringSubmatch(s)
	if m == nil {
		return Ref{}, "", false, nil
	}
	path := []string{m[1]}
	if rest := m[2]; rest != "" {
		head, last := rest, ""
		if i := strings.LastIndexByte(rest, '/'); i >= 0 && revision().MatchString(rest[i+1:]) {
			head, last = rest[:i], rest[i+1:]
		}
		if !revision().MatchString(head) && !refName().MatchString(head) || last != "" && revision().MatchString(head) {
			return Ref{}, "", false, nil
		}
		path = append(path, strings.Split(rest, "/")...)
	} else if strings.HasPrefix(s, m[1]+"/") {
		return Ref{}, "", false, nil
	}
	if fragment, err = decode(m[3]); err != nil {
		return Ref{}, "", false, err
	}
	in, err := InputFromURL(URL{Scheme: "flake", Path: path}, true)
	return Ref{Input: in}, fragment, true, err
}

func fromURL(u URL, isFlake bool) (Ref, string, error) {
	u.Query = maps.Clone(u.Query)
	dir, fragment := u.Query["dir"], u.Fragment
	delete(u.Query, "dir")
	u.Fragment = ""
	in, err := InputFromURL(u, isFlake)
	return Ref{Input: in, Dir: dir}, fragment, err
}

// InputFromURL finds the attributes that an address stands for. requireTree
// tells that an http or file address without an archive's extension is one too.
func InputFromURL(u URL, requireTree bool) (Attrs, error) {
	switch {
	case u.Scheme == "flake":
		return indirect(u)
	case u.Scheme == "path":
		return pathInput(u)
	case u.Scheme == "github", u.Scheme == "gitlab", u.Scheme == "sourcehut":
		return forge(u)
	case u.Scheme == "git", u.Application() == "git":
		return gitInput(u)
	case strings.HasPrefix(u.Scheme, "hg+"):
		return hgInput(u)
	}
	switch u.Transport() {
	case "file", "http", "https":
		kind := u.Application()
		if kind == "" {
			kind = "file"
			if requireTree || hasArchiveExtension(u) {
				kind = "tarball"
			}
		}
		if kind == "file" || kind == "tarball" {
			return curlInput(u, kind), nil
		}
	}
	if u.Application() == "file" && u.Transport() == "git" {
		return nil, fmt.Errorf("input '%s' is unsupported; did you mean 'git+file' instead of 'file+git'?", u)
	}
	return nil, fmt.Errorf("input '%s' is unsupported", u)
}

func hasArchiveExtension(u URL) bool {
	if len(u.Path) == 0 {
		return false
	}
	name := u.Path[len(u.Path)-1]
	for _, ext := range []string{".zip", ".tar", ".tgz", ".tar.gz", ".tar.xz", ".tar.bz2", ".tar.zst"} {
		if strings.HasSuffix(name, ext) {
			return true
		}
	}
	return false
}

func indirect(u URL) (Attrs, error) {
	path := u.segments()
	if len(path) == 0 {
		return nil, badURL("GitHub URL '%s' is invalid", u)
	}
	a := Attrs{"type": "indirect", "id": path[0]}
	switch len(path) {
	case 1:
	case 2:
		switch {
		case revision().MatchString(path[1]):
			a["rev"] = strings.ToLower(path[1])
		case IsLegalRef(path[1]):
			a["ref"] = path[1]
		default:
			return nil, badURL("in flake URL '%s', '%s' is not a commit hash or branch/tag name", u, path[1])
		}
	case 3:
		if !IsLegalRef(path[1]) {
			return nil, badURL("in flake URL '%s', '%s' is not a branch/tag name", u, path[1])
		}
		if !revision().MatchString(path[2]) {
			return nil, badURL("in flake URL '%s', '%s' is not a commit hash", u, path[2])
		}
		a["ref"], a["rev"] = path[1], strings.ToLower(path[2])
	default:
		return nil, badURL("GitHub URL '%s' is invalid", u)
	}
	return checkIndirect(a)
}

func checkIndirect(a Attrs) (Attrs, error) {
	id, err := a.str("id")
	if err != nil {
		return nil, err
	}
	if m := flakeID().FindStringSubmatch(id); m == nil || m[1] != id {
		return nil, badURL("'%s' is not a valid flake ID", id)
	}
	return a, nil
}

func pathInput(u URL) (Attrs, error) {
	if u.Authority != "" {
		return nil, fmt.Errorf("path URL '%s' should not have an authority ('%s')", u, u.Authority)
	}
	a := Attrs{"type": "path", "path": strings.Join(u.Path, "/")}
	for name, value := range u.Query {
		switch name {
		case "rev", "narHash":
			a[name] = value
		case "revCount", "lastModified":
			n, err := strconv.ParseInt(value, 10, 64)
			if err != nil {
				return nil, fmt.Errorf("path URL '%s' has invalid parameter '%s'", u, name)
			}
			a[name] = n
		default:
			return nil, fmt.Errorf("path URL '%s' has unsupported parameter '%s'", u, name)
		}
	}
	return a, nil
}

func forge(u URL) (Attrs, error) {
	path := u.segments()
	if len(path) < 2 {
		return nil, badURL("URL '%s' is invalid", u)
	}
	a := Attrs{"type": u.Scheme, "owner": path[0], "repo": path[1]}
	if len(path) == 3 && revision().MatchString(path[2]) {
		a["rev"] = path[2]
	} else if len(path) > 2 {
		a["ref"] = strings.Join(path[2:], "/")
	}
	if v, ok := u.Query["rev"]; ok {
		if a["rev"] != nil {
			return nil, badURL("URL '%s' contains multiple commit hashes", u)
		}
		a["rev"] = v
	}
	if v, ok := u.Query["ref"]; ok {
		if a["ref"] != nil {
			return nil, badURL("URL '%s' contains multiple branch/tag names", u)
		}
		a["ref"] = v
	}
	for _, name := range []string{"host", "narHash"} {
		if v, ok := u.Query[name]; ok {
			a[name] = v
		}
	}
	return checkForge(a)
}

func checkForge(a Attrs) (Attrs, error) {
	for _, name := range []string{"owner", "repo"} {
		if _, err := a.str(name); err != nil {
			return nil, err
		}
	}
	ref, hasRef := a["ref"].(string)
	rev, hasRev := a["rev"].(string)
	switch {
	case hasRef && hasRev:
		return nil, badURL("input %s contains both a commit hash ('%s') and a branch/tag name ('%s')", a, rev, ref)
	case hasRef && !IsLegalRef(ref):
		return nil, badURL("input %s contains an invalid branch/tag name", a)
	}
	if hasRev {
		if _, err := hash.ParseAny(rev, hash.SHA1); err != nil {
			return nil, err
		}
	}
	if host, ok := a["host"].(string); ok && !hostName().MatchString(host) {
		return nil, badURL("input %s contains an invalid instance host", a)
	}
	return a, nil
}

func gitInput(u URL) (Attrs, error) {
	a := Attrs{"type": "git"}
	rest := map[string]string{}
	for name, value := range u.Query {
		switch name {
		case "rev", "ref", "keytype", "publicKey", "publicKeys":
			a[name] = value
		case "shallow", "submodules", "lfs", "exportIgnore", "allRefs", "verifyCommit":
			a[name] = value == "1"
		default:
			rest[name] = value
		}
	}
	u.Query = rest
	a["url"] = u.String()
	return checkGit(a)
}

func checkGit(a Attrs) (Attrs, error) {
	text, err := a.str("url")
	if err != nil {
		return nil, err
	}
	if ref, ok := a["ref"].(string); ok && !IsLegalRef(ref) {
		return nil, badURL("invalid Git branch/tag name '%s'", ref)
	}
	u, err := ParseURL(text)
	if err != nil {
		return nil, err
	}
	u.Scheme = strings.TrimPrefix(u.Scheme, "git+")
	a = maps.Clone(a)
	a["url"] = u.String()
	return a, nil
}

func hgInput(u URL) (Attrs, error) {
	a := Attrs{"type": "hg"}
	u.Scheme = strings.TrimPrefix(u.Scheme, "hg+")
	rest := map[string]string{}
	for name, value := range u.Query {
		if name == "rev" || name == "ref" {
			a[name] = value
		} else {
			rest[name] = value
		}
	}
	u.Query = rest
	a["url"] = u.String()
	return a, nil
}

func curlInput(u URL, kind string) Attrs {
	a := Attrs{"type": kind}
	u.Scheme = u.Transport()
	rest := maps.Clone(u.Query)
	for _, name := range []string{"narHash", "rev"} {
		if v, ok := rest[name]; ok {
			a[name] = v
		}
	}
	for _, name := range []string{"revCount", "lastModified"} {
		if n, err := strconv.ParseInt(rest[name], 10, 64); err == nil {
			a[name] = n
		}
	}
	for _, name := range schemes[kind] {
		delete(rest, name)
	}
	u.Query = rest
	a["url"] = u.String()
	return a
}

// schemes are the attributes that each type of input may have.
var schemes = map[string][]string{
	"indirect":  {"id", "ref", "rev", "narHash"},
	"path":      {"path", "rev", "revCount", "lastModified", "narHash"},
	"github":    {"owner", "repo", "ref", "rev", "narHash", "lastModified", "host", "treeHash"},
	"gitlab":    {"owner", "repo", "ref", "rev", "narHash", "lastModified", "host", "treeHash"},
	"sourcehut": {"owner", "repo", "ref", "rev", "narHash", "lastModified", "host", "treeHash"},
	"git": {
		"url", "ref", "rev", "shallow", "submodules", "lfs", "exportIgnore", "revCount", "lastModified", "narHash",
		"allRefs", "name", "dirtyRev", "dirtyShortRev", "verifyCommit", "keytype", "publicKey", "publicKeys",
	},
	"hg":      {"url", "ref", "rev", "revCount", "narHash", "name"},
	"file":    {"url", "narHash", "name", "unpack", "rev", "revCount", "lastModified"},
	"tarball": {"url", "narHash", "name", "unpack", "rev", "revCount", "lastModified"},
}

// CheckInput checks attributes against what their type may have.
func CheckInput(a Attrs) (Attrs, error) {
	kind, ok := a["type"].(string)
	if !ok {
		return nil, fmt.Errorf("'type' attribute to specify input scheme is required but not provided")
	}
	allowed, ok := schemes[kind]
	if !ok {
		return a, nil
	}
	for name := range a {
		if name != "type" && name != "__final" && !contains(allowed, name) {
			return nil, fmt.Errorf("input attribute '%s' not supported by scheme '%s'", name, kind)
		}
	}
	switch kind {
	case "indirect":
		return checkIndirect(a)
	case "github", "gitlab", "sourcehut":
		return checkForge(a)
	case "git":
		return checkGit(a)
	case "path":
		_, err := a.str("path")
		return a, err
	}
	_, err := a.str("url")
	return a, err
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

// FromAttrs makes a reference of attributes; "dir" is the folder.
func FromAttrs(attrs Attrs) (Ref, error) {
	in := maps.Clone(attrs)
	dir, _ := in["dir"].(string)
	delete(in, "dir")
	in, err := CheckInput(in)
	return Ref{Input: in, Dir: dir}, err
}

// Attrs are all attributes of a reference.
func (r Ref) Attrs() Attrs {
	a := maps.Clone(r.Input)
	if r.Dir != "" {
		a["dir"] = r.Dir
	}
	return a
}

// URL is the address of an input.
func (a Attrs) URL() (URL, error) {
	kind, _ := a["type"].(string)
	text := func(name string) string { s, _ := a[name].(string); return s }
	flag := func(name string) bool { b, _ := a[name].(bool); return b }
	var u URL
	var err error
	switch kind {
	case "indirect":
		u = URL{Scheme: "flake", Path: []string{text("id")}}
		u.appendPath(text("ref"), text("rev"))
	case "path":
		u = URL{Scheme: "path", Path: strings.Split(text("path"), "/"), Query: map[string]string{}}
		for name, v := range a {
			if name != "path" && name != "type" && name != "__final" {
				u.Query[name] = queryValue(v)
			}
		}
	case "github", "gitlab", "sourcehut":
		u = URL{Scheme: kind, Path: []string{text("owner"), text("repo")}, Query: map[string]string{}}
		u.appendPath(text("ref"), text("rev"))
		for _, name := range []string{"narHash", "host"} {
			if s := text(name); s != "" {
				u.Query[name] = s
			}
		}
	case "git":
		if u, err = ParseURL(text("url")); err != nil {
			return URL{}, err
		}
		if u.Scheme != "git" {
			u.Scheme = "git+" + u.Scheme
		}
		for _, name := range []string{"rev", "ref", "keytype", "publicKey", "publicKeys"} {
			if s := text(name); s != "" {
				u.Query[name] = s
			}
		}
		for _, name := range []string{"shallow", "lfs", "submodules", "exportIgnore", "verifyCommit"} {
			if flag(name) {
				u.Query[name] = "1"
			}
		}
	case "hg":
		if u, err = ParseURL(text("url")); err != nil {
			return URL{}, err
		}
		u.Scheme = "hg+" + u.Scheme
		for _, name := range []string{"rev", "ref"} {
			if s := text(name); s != "" {
				u.Query[name] = s
			}
		}
	case "file", "tarball":
		if u, err = ParseURL(text("url")); err != nil {
			return URL{}, err
		}
		if s := text("narHash"); s != "" {
			u.Query["narHash"] = s
		}
	default:
		return URL{}, fmt.Errorf("cannot show unsupported input '%s'", a)
	}
	return u, nil
}

func (u *URL) appendPath(parts ...string) {
	for _, p := range parts {
		if p != "" {
			u.Path = append(u.Path, p)
		}
	}
}

func queryValue(v any) string {
	switch v := v.(type) {
	case bool:
		if v {
			return "1"
		}
		return "0"
	case int64:
		return strconv.FormatInt(v, 10)
	}
	return fmt.Sprint(v)
}

// Text is the reference as text.
func (r Ref) Text() (string, error) {
	u, err := r.Input.URL()
	if err != nil {
		return "", err
	}
	if r.Dir != "" {
		if u.Query == nil {
			u.Query = map[string]string{}
		}
		if _, ok := u.Query["dir"]; !ok {
			u.Query["dir"] = r.Dir
		}
	}
	return u.String(), nil
}

func (a Attrs) str(name string) (string, error) {
	v, ok := a[name]
	if !ok {
		return "", fmt.Errorf("input attribute '%s' is missing", name)
	}
	s, ok := v.(string)
	if !ok {
		return "", fmt.Errorf("input attribute '%s' is not a string", name)
	}
	return s, nil
}

// String is the attributes as JSON, for messages.
func (a Attrs) String() string {
	b, err := json.Marshal(map[string]any(a))
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// IsLegalRef tells whether git accepts a name of a branch or tag.
func IsLegalRef(name string) bool {
	if name == "" || name == "@" || strings.HasPrefix(name, "/") || strings.HasSuffix(name, "/") ||
		strings.HasSuffix(name, ".") || strings.HasPrefix(name, "-") {
		return false
	}
	for _, bad := range []string{"..", "//", "@{", "\\", " ", "~", "^", ":", "?", "*", "["} {
		if strings.Contains(name, bad) {
			return false
		}
	}
	for _, c := range []byte(name) {
		if c < ' ' || c == 0x7f {
			return false
		}
	}
	for part := range strings.SplitSeq(name, "/") {
		if strings.HasPrefix(part, ".") || strings.HasSuffix(part, ".lock") {
			return false
		}
	}
	return true
}
