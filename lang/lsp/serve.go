package lsp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"runtime/debug"
	"sync"

	"github.com/sourcegraph/jsonrpc2"
)

// Codes of errors that the protocol adds to those of JSON-RPC.
const (
	codeNotInitialized   = -32002
	codeRequestCancelled = -32800
	codeContentModified  = -32801
)

var (
	errCancelled = &jsonrpc2.Error{Code: codeRequestCancelled, Message: "the request was cancelled"}
	errModified  = &jsonrpc2.Error{Code: codeContentModified, Message: "a document changed meanwhile"}
	errNoInit    = &jsonrpc2.Error{Code: codeNotInitialized, Message: "the first request is not 'initialize'"}
)

// errNoShutdown is what Serve returns when the client goes without saying so.
var errNoShutdown = errors.New("the client ended without a shutdown request")

// maxQueued bounds the messages that wait; beyond, the client has to.
const maxQueued = 1024

// connection is a client that is being served: messages are read while
// earlier ones are answered, so that a request can be cancelled.
type connection struct {
	s     *Server
	queue chan message

	mu      sync.Mutex
	pending map[jsonrpc2.ID]context.CancelFunc
	slow    sync.WaitGroup // requests that are answered beside the queue
}

type message struct {
	ctx  context.Context
	conn *jsonrpc2.Conn
	req  *jsonrpc2.Request
}

// Serve answers a client until it says exit, goes away, or ctx ends. It
// returns an error if the client did not ask to shut down before.
func (s *Server) Serve(ctx context.Context, rw io.ReadWriteCloser) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	c := &connection{s: s, queue: make(chan message, maxQueued), pending: map[jsonrpc2.ID]context.CancelFunc{}}
	out := s.cfg.Log
	if out == nil {
		out = io.Discard
	}
	conn := jsonrpc2.NewConn(ctx, newStream(rw), c, jsonrpc2.SetLogger(log.New(out, "", 0)))
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.work(ctx)
	}()
	select {
	case <-ctx.Done():
		conn.Close()
	case <-conn.DisconnectNotify():
	}
	cancel()
	<-done
	c.slow.Wait()
	s.space.wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.stopping {
		return errNoShutdown
	}
	return nil
}

// Handle takes a message in: requests and notifications wait for their turn,
// cancelling does not.
func (c *connection) Handle(ctx context.Context, conn *jsonrpc2.Conn, req *jsonrpc2.Request) {
	if req.Method == "$/cancelRequest" {
		var p struct {
			ID jsonrpc2.ID `json:"id"`
		}
		if req.Params != nil && json.Unmarshal(*req.Params, &p) == nil {
			c.mu.Lock()
			if cancel := c.pending[p.ID]; cancel != nil {
				cancel()
			}
			c.mu.Unlock()
		}
		return
	}
	reqCtx := ctx
	if !req.Notif {
		var cancel context.CancelFunc
		reqCtx, cancel = context.WithCancel(ctx)
		c.mu.Lock()
		c.pending[req.ID] = cancel
		c.mu.Unlock()
	}
	select {
	case c.queue <- message{reqCtx, conn, req}:
	case <-ctx.Done():
	}
}

// work answers messages in the order in which they came.
func (c *connection) work(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case m := <-c.queue:
			if m.ctx.Err() != nil {
				c.reply(m, nil, errCancelled)
			} else if answer := c.s.slow[m.req.Method]; answer != nil {
				generation := c.s.now()
				c.slow.Add(1)
				go func() {
					defer c.slow.Done()
					r, err := guarded(func() (interface{}, error) { return c.s.slowly(m, generation, answer) })
					c.reply(m, r, err)
				}()
			} else {
				r, err := guarded(func() (interface{}, error) { return c.s.handle(m.ctx, m.conn, m.req) })
				c.reply(m, r, err)
			}
		}
	}
}

// guarded turns a fault of the server's into an answer: the editor's session
// is worth more than one request.
func guarded(f func() (interface{}, error)) (r interface{}, err error) {
	defer func() {
		if p := recover(); p != nil {
			r, err = nil, &jsonrpc2.Error{Code: jsonrpc2.CodeInternalError, Message: fmt.Sprintf("internal error: %v\n%s", p, debug.Stack())}
		}
	}()
	return f()
}

func (c *connection) reply(m message, result interface{}, err error) {
	if m.req.Notif {
		if err != nil {
			c.s.log(m.req.Method + ": " + err.Error())
		}
		return
	}
	c.mu.Lock()
	if cancel := c.pending[m.req.ID]; cancel != nil {
		cancel()
		delete(c.pending, m.req.ID)
	}
	c.mu.Unlock()
	if err == nil {
		err = m.conn.Reply(context.Background(), m.req.ID, result)
	} else {
		e := &jsonrpc2.Error{Code: jsonrpc2.CodeInternalError, Message: err.Error()}
		errors.As(err, &e)
		if e.Code == jsonrpc2.CodeInternalError {
			c.s.log(m.req.Method + ": " + e.Message)
		}
		err = m.conn.ReplyWithError(context.Background(), m.req.ID, e)
	}
	if err != nil && !errors.Is(err, jsonrpc2.ErrClosed) {
		c.s.log(m.req.Method + ": " + err.Error())
	}
}

func (s *Server) log(text string) {
	if s.cfg.Log != nil {
		io.WriteString(s.cfg.Log, text+"\n")
	}
}

// pauser is called between the files that a long search looks at: others get
// their turn meanwhile. Its error ends the search.
type pauser func() error

// slowAnswer answers a request that may look at the whole workspace.
type slowAnswer func(req *jsonrpc2.Request, pause pauser) (interface{}, error)

// slowly answers beside the queue, for the document as it was when the
// request's turn came.
func (s *Server) slowly(m message, generation *int, answer slowAnswer) (interface{}, error) {
	if err := s.space.refresh(m.ctx); err != nil {
		return nil, errCancelled
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	check := func() error {
		s.work = maxWork
		switch {
		case m.ctx.Err() != nil:
			return errCancelled
		case s.generation != generation:
			return errModified
		}
		return nil
	}
	if err := check(); err != nil {
		return nil, err
	}
	return answer(m.req, func() error {
		s.mu.Unlock()
		s.mu.Lock()
		return check()
	})
}

// now is the state of the documents: another pointer after each change.
func (s *Server) now() *int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.generation
}
