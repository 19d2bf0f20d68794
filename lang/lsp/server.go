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
	"sync"
	"time"

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

	mu       sync.Mutex
	docs     map[string]*unit // open documents by address
	files    map[string]cached
	stopping bool
	age      int // goes up with each change of a document
	work     int // steps left for this answer, see maxWork
	given    map[*ast.Lambda]given
}

// cached is a file that some document imports.
type cached struct {
	u     *unit
	mtime time.Time
}

// New makes a server.
func New(cfg Config) *Server {
	s := &Server{cfg: cfg, symbols: new(ast.Symbols), globals: map[string]*Builtin{}, docs: map[string]*unit{}, files: map[string]cached{},
		age: 1, given: map[*ast.Lambda]given{}}
	for i := range s.cfg.Builtins {
		if b := &s.cfg.Builtins[i]; b.Global {
			s.globals[b.Name] = b
		}
	}
	return s
}

// errNoShutdown is what Serve returns when the client goes without saying so.
var errNoShutdown = errors.New("the client ended without a shutdown request")

// Serve answers a client until it says exit, goes away, or ctx ends. It
// returns an error if the client did not ask to shut down before.
func (s *Server) Serve(ctx context.Context, stream io.ReadWriteCloser) error {
	conn := jsonrpc2.NewConn(ctx, jsonrpc2.NewBufferedStream(stream, jsonrpc2.VSCodeObjectCodec{}),
		jsonrpc2.HandlerWithError(s.handle).SuppressErrClosed())
	select {
	case <-ctx.Done():
		conn.Close()
	case <-conn.DisconnectNotify():
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.stopping {
		return errNoShutdown
	}
	return nil
}

func (s *Server) handle(ctx context.Context, conn *jsonrpc2.Conn, req *jsonrpc2.Request) (interface{}, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.work = maxWork
	switch req.Method {
	case "initialize":
		return capabilities, nil
	case "initialized", "$/cancelRequest", "$/setTrace", "workspace/didChangeConfiguration", "workspace/didChangeWatchedFiles", "textDocument/didSave":
		return nil, nil
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
	case "textDocument/references":
		return ask(s, req, s.references)
	case "textDocument/documentHighlight":
		return ask(s, req, s.highlight)
	case "textDocument/prepareRename":
		return ask(s, req, s.prepareRename)
	case "textDocument/rename":
		return ask(s, req, s.rename)
	case "textDocument/completion":
		return ask(s, req, s.completion)
	case "textDocument/documentSymbol":
		return ask(s, req, s.documentSymbols)
	case "textDocument/formatting":
		return ask(s, req, s.formatting)
	}
	return nil, &jsonrpc2.Error{Code: jsonrpc2.CodeMethodNotFound, Message: "no such method: " + req.Method}
}

// document is what has a textDocument: the parameters of requests.
type document interface{ uri() string }

func (p positionParams) uri() string   { return p.TextDocument.URI }
func (p formattingParams) uri() string { return p.TextDocument.URI }

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
	s.age++
	s.notify(ctx, conn, publishParams{uri, version, s.diagnose(u)})
}

func (s *Server) notify(ctx context.Context, conn *jsonrpc2.Conn, p publishParams) {
	if err := conn.Notify(ctx, "textDocument/publishDiagnostics", p); err != nil && s.cfg.Log != nil {
		io.WriteString(s.cfg.Log, "publishing diagnostics: "+err.Error()+"\n")
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
	s.notify(ctx, conn, publishParams{URI: p.TextDocument.URI, Diagnostics: []diagnostic{}})
	return nil, nil
}

// file is the unit of a file: an open document, or the file on disk.
func (s *Server) file(path string) *unit {
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
	if err != nil || !st.Mode().IsRegular() {
		return nil
	}
	if c, ok := s.files[path]; ok && c.mtime.Equal(st.ModTime()) {
		return c.u
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	u := newUnit(s.symbols, s.globals, uri, path, string(b))
	s.files[path] = cached{u, st.ModTime()}
	return u
}
