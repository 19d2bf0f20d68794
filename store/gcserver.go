package store

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/seed192a40f6/glang/store/storepath"
)

// rootServer is how a running collector hears of new temporary roots. Clients
// connect to a socket and send lines, full store paths; each is answered by
// "1" when it is noted and, if the path is just being deleted, when that has
// been done: the client then finds the path invalid and makes it anew.
//
// Roots are kept by hash part, so that they cover HASH-NAME.lock too.
type rootServer struct {
	s        *Store
	listener net.Listener
	wg       sync.WaitGroup

	mu      sync.Mutex
	cond    *sync.Cond // a condemned path has been dealt with
	roots   map[string]bool
	doomed  map[string]bool // being deleted
	clients map[net.Conn]bool
	closed  bool
}

func (s *Store) listenForRoots() (*rootServer, error) {
	path := s.gcSocket()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, s.explain(fmt.Errorf("creating directory '%s': %w", filepath.Dir(path), bare(err)), s.state)
	}
	os.Remove(path) // of a collector that was killed: we hold the lock
	l, err := listenUnix(path)
	if err != nil {
		return nil, fmt.Errorf("cannot bind to socket '%s': %w", path, bare(err))
	}
	if err := os.Chmod(path, 0o666); err != nil {
		l.Close()
		return nil, err
	}
	r := &rootServer{s: s, listener: l, roots: map[string]bool{}, doomed: map[string]bool{}, clients: map[net.Conn]bool{}}
	r.cond = sync.NewCond(&r.mu)
	r.wg.Go(r.accept)
	return r, nil
}

func (r *rootServer) accept() {
	for {
		c, err := r.listener.Accept()
		if err != nil {
			return // closed
		}
		r.mu.Lock()
		if r.closed {
			c.Close()
		} else {
			r.clients[c] = true
			r.wg.Go(func() { r.serve(c) })
		}
		r.mu.Unlock()
	}
}

func (r *rootServer) serve(c net.Conn) {
	defer func() {
		r.mu.Lock()
		delete(r.clients, c)
		r.mu.Unlock()
		c.Close()
	}()
	in := bufio.NewReaderSize(c, storepath.MaxNameLen+4096)
	for {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return // gone, or a line longer than any path
		}
		p, err := r.s.scheme.Parse(strings.TrimSuffix(string(line), "\n"))
		if err != nil {
			r.s.logf(LevelError, "received garbage instead of a root from client")
		} else {
			r.addAndWait(p.HashPart())
		}
		if _, err := io.WriteString(c, "1"); err != nil {
			return
		}
	}
}

func (r *rootServer) addAndWait(part string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.roots[part] = true
	for r.doomed[part] {
		r.cond.Wait()
	}
}

func (r *rootServer) add(part string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.roots[part] = true
}

func (r *rootServer) has(part string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.roots[part]
}

// condemn says that a path is about to be deleted; false if somebody wants it.
func (r *rootServer) condemn(part string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.roots[part] {
		return false
	}
	r.doomed[part] = true
	return true
}

// releaseOne ends the wait of those who want a path that has been deleted.
func (r *rootServer) releaseOne(part string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.doomed, part)
	r.cond.Broadcast()
}

// release ends all waits.
func (r *rootServer) release() {
	r.mu.Lock()
	defer r.mu.Unlock()
	clear(r.doomed)
	r.cond.Broadcast()
}

// close stops listening. Clients then see the connection end, and go by the
// lock, which the collector lets go of next.
func (r *rootServer) close() {
	r.listener.Close()
	r.mu.Lock()
	r.closed = true
	clear(r.doomed)
	r.cond.Broadcast()
	for c := range r.clients {
		c.Close()
	}
	r.mu.Unlock()
	r.wg.Wait()
	os.Remove(r.s.gcSocket())
}
