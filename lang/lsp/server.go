// Package lsp is a language server: what an editor asks about expressions,
// answered over the Language Server Protocol.
//
// A document is parsed anew at each change into a unit, which holds its tree
// and an index: which definition each name in it refers to. Questions that
// the index cannot answer (where is lib.mkIf defined?) are followed through
// sets, imports and callPackage without evaluating anything, so an expression
// that would run for ever, or that does not evaluate at all, does no harm.
package lsp

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/sourcegraph/jsonrpc2"

	"github.com/seed192a40f6/glang/lang/ast"
)

// Builtin is what the server tells about a builtin.
type Builtin struct {
	Name string
	// Global: the name is in scope without "builtins.".
	Global bool
	// Args are the names of the arguments; nil for a constant.
	Args []string
	Doc  string // Markdown
}

// SearchEntry is an entry of the search path for <names>.
type SearchEntry struct{ Prefix, Path string }

// Config is what a server needs to know.
type Config struct {
	Builtins   []Builtin
	SearchPath []SearchEntry
	// Log receives what goes wrong in the server itself; nil drops it.
	Log io.Writer
}

func (c *Config) global(name string) *Builtin {
	for i := range c.Builtins {
		if b := &c.Builtins[i]; b.Name == name && b.Global {
			return b
		}
	}
	return nil
}

// Server is a language server for one client.
type Server struct {
	cfg     Config
	symbols *ast.Symbols
	globals map[string]*Builtin
	space   *workspace
	slow    map[string]slowAnswer

	mu       sync.Mutex
	begun    bool             // initialize came
	watches  bool             // the client can be asked to watch files
	docs     map[string]*unit // open documents by address
	files    *units
	stopping bool
	// generation is another pointer after each change of a document or file.
	generation *int
	work       int // steps left for this answer, see maxWork
	given      map[*ast.Lambda]given
}

// New makes a server.
func New(cfg Config) *Server {
	s := &Server{cfg: cfg, symbols: new(ast.Symbols), globals: map[string]*Builtin{}, space: newWorkspace(), docs: map[string]*unit{},
		files: newUnits(), generation: new(int), given: map[*ast.Lambda]given{}}
	s.slow = map[string]slowAnswer{
		"textDocument/references": askSlowly(s, s.references),
		"textDocument/rename":     askSlowly(s, s.rename),
	}
	for i := range s.cfg.Builtins {
		if b := &s.cfg.Builtins[i]; b.Global {
			s.globals[b.Name] = b
		}
	}
	return s
}

func (s *Server) handle(ctx context.Context, conn *jsonrpc2.Conn, req *jsonrpc2.Request) (interface{}, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.work = maxWork
	if !s.begun && req.Method != "initialize" && req.Method != "exit" {
		return nil, errNoInit
	}
	if s.stopping && req.Method != "exit" {
		return nil, &jsonrpc2.Error{Code: jsonrpc2.CodeInvalidRequest, Message: "the server is shutting down"}
	}
	switch req.Method {
	case "initialize":
		return s.initialize(req)
	case "initialized":
		s.initialized(ctx, conn)
		return nil, nil
	case "workspace/didChangeWatchedFiles", "textDocument/didSave":
		s.generation = new(int)
		s.space.touch()
		s.space.start(ctx)
		return nil, nil
	case "workspace/didChangeWorkspaceFolders":
		return s.didChangeFolders(ctx, req)
	case "shutdown":
		s.stopping = true
		return nil, nil
	case "exit":
		return nil, conn.Close()
	case "textDocument/didOpen":
		return s.didOpen(ctx, conn, req)
	case "textDocument/didChange":
		return s.didChange(ctx, conn, req)
	case "textDocument/didClose":
		return s.didClose(ctx, conn, req)
	case "textDocument/hover":
		return ask(s, req, s.hover)
	case "textDocument/definition":
		return ask(s, req, s.definition)
	case "textDocument/documentHighlight":
		return ask(s, req, s.highlight)
	case "textDocument/prepareRename":
		return ask(s, req, s.prepareRename)
	case "textDocument/completion":
		return ask(s, req, s.completion)
	case "textDocument/documentSymbol":
		return ask(s, req, s.documentSymbols)
	case "textDocument/formatting":
		return ask(s, req, s.formatting)
	}
	if req.Notif {
		return nil, nil // one that says nothing to this server, like $/setTrace
	}
	return nil, &jsonrpc2.Error{Code: jsonrpc2.CodeMethodNotFound, Message: "no such method: " + req.Method}
}

// initialize learns which folders make the workspace.
func (s *Server) initialize(req *jsonrpc2.Request) (interface{}, error) {
	var p initializeParams
	if err := params(req, &p); err != nil {
		return nil, err
	}
	var roots []string
	for _, f := range p.Folders {
		roots = append(roots, filePath(f.URI))
	}
	if p.Folders == nil && p.RootURI != "" {
		roots = append(roots, filePath(p.RootURI))
	} else if p.Folders == nil {
		roots = append(roots, p.RootPath)
	}
	s.space.setRoots(slices.DeleteFunc(roots, func(r string) bool { return r == "" }))
	s.begun, s.watches = true, p.Capabilities.Workspace.DidChangeWatchedFiles.DynamicRegistration
	return capabilities, nil
}

// initialized begins to index the workspace, and asks the client to tell
// which of its files change.
func (s *Server) initialized(ctx context.Context, conn *jsonrpc2.Conn) {
	s.space.start(ctx)
	if !s.watches {
		return
	}
	if _, err := conn.DispatchCall(ctx, "client/registerCapability", watchExpressions, jsonrpc2.StringID()); err != nil {
		s.log("registering for changed files: " + err.Error())
	}
}

func (s *Server) didChangeFolders(ctx context.Context, req *jsonrpc2.Request) (interface{}, error) {
	var p struct {
		Event struct{ Added, Removed []folder } `json:"event"`
	}
	if err := params(req, &p); err != nil {
		return nil, err
	}
	paths := func(fs []folder) (out []string) {
		for _, f := range fs {
			if p := filePath(f.URI); p != "" {
				out = append(out, p)
			}
		}
		return out
	}
	s.space.changeRoots(paths(p.Event.Added), paths(p.Event.Removed))
	s.space.start(ctx)
	return nil, nil
}

// document is what has a textDocument: the parameters of requests.
type document interface{ uri() string }

func (p positionParams) uri() string   { return p.TextDocument.URI }
func (p formattingParams) uri() string { return p.TextDocument.URI }

// askSlowly is ask for what looks at the whole workspace.
func askSlowly[P document, R any](s *Server, f func(*unit, P, pauser) (R, error)) slowAnswer {
	return func(req *jsonrpc2.Request, pause pauser) (interface{}, error) {
		return ask(s, req, func(u *unit, p P) (R, error) { return f(u, p, pause) })
	}
}

// ask decodes a request about an open document and answers it.
func ask[P document, R any](s *Server, req *jsonrpc2.Request, f func(*unit, P) (R, error)) (interface{}, error) {
	var p P
	if err := params(req, &p); err != nil {
		return nil, err
	}
	u := s.docs[p.uri()]
	if u == nil {
		return nil, &jsonrpc2.Error{Code: jsonrpc2.CodeInvalidParams, Message: "the document is not open: " + p.uri()}
	}
	r, err := f(u, p)
	if err != nil {
		return nil, err
	}
	return r, nil
}

func params(req *jsonrpc2.Request, into interface{}) error {
	if req.Params == nil {
		return &jsonrpc2.Error{Code: jsonrpc2.CodeInvalidParams, Message: "no parameters"}
	}
	if err := json.Unmarshal(*req.Params, into); err != nil {
		return &jsonrpc2.Error{Code: jsonrpc2.CodeInvalidParams, Message: err.Error()}
	}
	return nil
}

func filePath(uri string) string {
	u, err := url.Parse(uri)
	if err != nil || u.Scheme != "file" {
		return ""
	}
	return filepath.FromSlash(u.Path)
}

func fileURI(path string) string {
	return (&url.URL{Scheme: "file", Path: filepath.ToSlash(path)}).String()
}

func (s *Server) open(ctx context.Context, conn *jsonrpc2.Conn, uri, text string, version int) {
	u := newUnit(s.symbols, s.globals, uri, filePath(uri), text)
	s.docs[uri] = u
	s.generation = new(int)
	s.notify(ctx, conn, publishParams{uri, version, s.diagnose(u)})
}

func (s *Server) notify(ctx context.Context, conn *jsonrpc2.Conn, p publishParams) {
	if err := conn.Notify(ctx, "textDocument/publishDiagnostics", p); err != nil && !errors.Is(err, jsonrpc2.ErrClosed) {
		s.log("publishing diagnostics: " + err.Error())
	}
}

func (s *Server) didOpen(ctx context.Context, conn *jsonrpc2.Conn, req *jsonrpc2.Request) (interface{}, error) {
	var p struct {
		TextDocument textDocument `json:"textDocument"`
	}
	if err := params(req, &p); err != nil {
		return nil, err
	}
	s.open(ctx, conn, p.TextDocument.URI, p.TextDocument.Text, p.TextDocument.Version)
	return nil, nil
}

func (s *Server) didChange(ctx context.Context, conn *jsonrpc2.Conn, req *jsonrpc2.Request) (interface{}, error) {
	var p didChangeParams
	if err := params(req, &p); err != nil {
		return nil, err
	}
	u := s.docs[p.TextDocument.URI]
	if u == nil {
		return nil, &jsonrpc2.Error{Code: jsonrpc2.CodeInvalidParams, Message: "the document is not open: " + p.TextDocument.URI}
	}
	text := *u
	for _, c := range p.ContentChanges {
		if c.Range == nil {
			text.setText(c.Text)
			continue
		}
		start, end := text.at(c.Range.Start), text.at(c.Range.End)
		if end < start {
			return nil, &jsonrpc2.Error{Code: jsonrpc2.CodeInvalidParams, Message: "the change ends before it starts"}
		}
		text.setText(text.text[:start] + c.Text + text.text[end:])
	}
	s.open(ctx, conn, p.TextDocument.URI, text.text, p.TextDocument.Version)
	return nil, nil
}

func (s *Server) didClose(ctx context.Context, conn *jsonrpc2.Conn, req *jsonrpc2.Request) (interface{}, error) {
	var p formattingParams
	if err := params(req, &p); err != nil {
		return nil, err
	}
	delete(s.docs, p.TextDocument.URI)
	s.generation = new(int)
	s.notify(ctx, conn, publishParams{URI: p.TextDocument.URI, Diagnostics: []diagnostic{}})
	return nil, nil
}

// file is the unit of a file: an open document, or the file on disk.
func (s *Server) file(path string) *unit { return s.read(path, true) }

// passing is file for one that is looked at once: it does not drive others
// out of memory.
func (s *Server) passing(path string) *unit { return s.read(path, false) }

func (s *Server) read(path string, keep bool) *unit {
	if st, err := os.Stat(path); err == nil && st.IsDir() {
		for _, name := range []string{"default.nix", "default.expr"} {
			if _, err := os.Stat(filepath.Join(path, name)); err == nil {
				path = filepath.Join(path, name)
				break
			}
		}
	}
	uri := fileURI(path)
	if u := s.docs[uri]; u != nil {
		return u
	}
	st, err := os.Stat(path)
	if err != nil || !st.Mode().IsRegular() || st.Size() > maxFileSize {
		return nil
	}
	if u := s.files.get(path, st); u != nil {
		return u
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	u := newUnit(s.symbols, s.globals, uri, path, string(b))
	if keep {
		s.files.put(path, st, u)
	}
	return u
}
