package shell

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/interp"
	"mvdan.cc/sh/v3/syntax"
)

// File descriptors above 2.
//
// The interpreter has standard input, output and error and no others. A
// script that uses more is rewritten before it runs, so that they live in a
// table of ours:
//
//	exec 3>f         \x01fd 3 ">" f
//	cmd >&3          cmd >>/\x01fd/3     which the open handler knows
//	cmd 3>f          { \x01push 3 ">" f; cmd; \x01pop 3 $?; }
//
// Subshells have their own descriptors: the words also carry the name of the
// innermost subshell they stand in, by its place in the script, and a lookup
// goes outwards from there. That is enough for what configure scripts do; a
// subshell that runs twice at the same time shares its table with itself.

// fdTable is the open descriptors by subshell and number.
type fdTable struct {
	mu    sync.Mutex
	files map[fdKey]fdFile
	// saved holds what push put aside.
	saved map[fdKey][]fdFile
}

// fdFile is what a descriptor stands for: an *os.File of its own, or the
// writer with which the interpreter captures output; nil if it is closed.
type fdFile any

func closeFd(f fdFile) {
	if f, ok := f.(*os.File); ok {
		f.Close()
	}
}

// fdKey is a descriptor of a subshell: a path of places, outermost first,
// each followed by "/".
type fdKey struct {
	scope string
	fd    int
}

const (
	fdDir     = "/\x01fd/"
	fdOpen    = internalPrefix + "fd"
	fdPush    = internalPrefix + "push"
	fdPop     = internalPrefix + "pop"
	maxScopes = 64
)

func newFdTable() *fdTable {
	return &fdTable{files: make(map[fdKey]fdFile), saved: make(map[fdKey][]fdFile)}
}

// get finds a descriptor in the scope or, going outwards, around it. A nil
// in the table is one that was closed.
func (t *fdTable) get(scope string, fd int) fdFile {
	for {
		if f, ok := t.files[fdKey{scope, fd}]; ok {
			return f
		}
		if scope == "" {
			return nil
		}
		scope = scope[:strings.LastIndexByte(scope[:len(scope)-1], '/')+1]
	}
}

// inherited are the descriptors that a command started now inherits. The
// scope is not known here; those of the whole script are passed on.
func (t *fdTable) inherited(expand.Environ) map[int]*os.File {
	if t == nil {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	m := make(map[int]*os.File)
	for key, f := range t.files {
		if f, ok := f.(*os.File); ok && key.scope == "" && key.fd < 64 {
			m[key.fd] = f
		}
	}
	return m
}

// internal runs the commands that the rewriting puts in.
func (t *fdTable) internal(hc interp.HandlerContext, name string, args []string) int {
	if t == nil || len(args) < 3 {
		fmt.Fprintf(hc.Stderr, "sh: %s: invalid use\n", name)
		return 2
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	fd, err := strconv.Atoi(args[1])
	if err != nil {
		fmt.Fprintf(hc.Stderr, "sh: %s: bad file descriptor\n", args[1])
		return 1
	}
	key := fdKey{args[0], fd}
	switch name {
	case "pop":
		saved := t.saved[key]
		closeFd(t.files[key])
		delete(t.files, key)
		if f := saved[len(saved)-1]; f != nil {
			t.files[key] = f
		}
		t.saved[key] = saved[:len(saved)-1]
		status, _ := strconv.Atoi(args[2])
		return status
	case "push":
		// Put aside even if opening fails: the pop comes all the same.
		t.saved[key] = append(t.saved[key], t.files[key])
		delete(t.files, key)
	case "fd":
		defer closeFd(t.files[key])
	}
	f, err := t.redirect(hc, args[0], args[2], args[3])
	if err != nil {
		fmt.Fprintf(hc.Stderr, "sh: %s: %s\n", args[3], reason(err))
		return 1
	}
	t.files[key] = f
	return 0
}

// redirect opens what an operator and its word name; nil closes.
func (t *fdTable) redirect(hc interp.HandlerContext, scope, op, word string) (fdFile, error) {
	flags := os.O_RDONLY
	switch op {
	case ">&", "<&":
		if word == "-" {
			return nil, nil
		}
		fd, err := strconv.Atoi(word)
		if err != nil {
			return nil, syscall.EBADF
		}
		var std fdFile
		switch fd {
		case 0:
			std = hc.Stdin
		case 1:
			std = hc.Stdout
		case 2:
			std = hc.Stderr
		default:
			std = t.get(scope, fd)
		}
		return duplicate(std)
	case ">", ">|":
		flags = os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	case ">>":
		flags = os.O_WRONLY | os.O_CREATE | os.O_APPEND
	case "<>":
		flags = os.O_RDWR | os.O_CREATE
	}
	return os.OpenFile(join(hc.Dir, word), flags, 0o666)
}

// duplicate gives another descriptor of a file.
func duplicate(std fdFile) (fdFile, error) {
	switch f := std.(type) {
	case *os.File:
		if f == nil {
			return nil, syscall.EBADF
		}
		fd, err := syscall.Dup(int(f.Fd()))
		if err != nil {
			return nil, os.NewSyscallError("dup", err)
		}
		syscall.CloseOnExec(fd)
		return os.NewFile(uintptr(fd), f.Name()), nil
	case io.Writer:
		return f, nil
	}
	return nil, syscall.EBADF
}

// open is the interpreter's way to files. It knows the descriptors of the
// table, and the names that stand for the interpreter's own.
func (sh *shell) open(ctx context.Context, path string, flag int, perm os.FileMode) (io.ReadWriteCloser, error) {
	hc := interp.HandlerCtx(ctx)
	var std fdFile
	switch path {
	case "/dev/stdin", "/dev/fd/0":
		std = hc.Stdin
	case "/dev/stdout", "/dev/fd/1":
		std = hc.Stdout
	case "/dev/stderr", "/dev/fd/2":
		std = hc.Stderr
	default:
		rest, ok := strings.CutPrefix(path, fdDir)
		if !ok {
			f, err := os.OpenFile(join(hc.Dir, path), flag, perm|0o022)
			if err != nil {
				return nil, &os.PathError{Op: "open", Path: path, Err: fmt.Errorf("%s", reason(err))}
			}
			return f, nil
		}
		scope, number := "", rest
		if i := strings.LastIndexByte(rest, '/'); i >= 0 {
			scope, number = rest[:i+1], rest[i+1:]
		}
		fd, err := strconv.Atoi(number)
		if err != nil || sh.fds == nil {
			return nil, &os.PathError{Op: "redirect", Path: number, Err: syscall.EBADF}
		}
		sh.fds.mu.Lock()
		defer sh.fds.mu.Unlock()
		std = sh.fds.get(scope, fd)
		path = number
	}
	f, err := duplicate(std)
	if err != nil {
		return nil, &os.PathError{Op: "redirect", Path: path, Err: err}
	}
	if f, ok := f.(*os.File); ok {
		return f, nil
	}
	return capture{f.(io.Writer)}, nil
}

// capture is a writer of the interpreter's; closing it is not ours to do.
type capture struct{ io.Writer }

func (capture) Read([]byte) (int, error) { return 0, syscall.EBADF }
func (capture) Close() error             { return nil }

// highFd tells whether a redirection has to do with a descriptor above 2, of
// its own (fd > 0) or as what is duplicated.
func highFd(rd *syntax.Redirect) (fd int, source bool) {
	if rd.N != nil {
		if n, err := strconv.Atoi(rd.N.Value); err == nil && n > 2 {
			return n, false
		}
	}
	if rd.Op != syntax.DplOut && rd.Op != syntax.DplIn {
		return 0, false
	}
	word := rd.Word.Lit()
	if n, err := strconv.Atoi(word); err == nil {
		return 0, n > 2 || rd.Op == syntax.DplIn && n > 0
	}
	return 0, word == "" // a variable may hold anything
}

// usesFds tells whether a script needs rewriting.
func usesFds(file *syntax.File) bool {
	found := false
	syntax.Walk(file, func(node syntax.Node) bool {
		if rd, ok := node.(*syntax.Redirect); ok {
			if fd, source := highFd(rd); fd > 0 || source {
				found = true
			}
		}
		return !found
	})
	return found
}

// rewriteFds rewrites a script in place.
func rewriteFds(file *syntax.File) {
	rw := &fdRewriter{}
	rw.stmts(file.Stmts)
}

// fdRewriter walks a script, with the scope of where it is.
type fdRewriter struct {
	scope string
	depth int
}

func (rw *fdRewriter) stmts(stmts []*syntax.Stmt) {
	for _, st := range stmts {
		rw.stmt(st)
	}
}

// stmt rewrites what is inside a statement, then the statement itself.
func (rw *fdRewriter) stmt(st *syntax.Stmt) {
	syntax.Walk(st, func(node syntax.Node) bool {
		switch n := node.(type) {
		case *syntax.Stmt:
			if n == st {
				return true
			}
			rw.stmt(n)
			return false
		case *syntax.Subshell:
			rw.within(n.Pos(), n.Stmts)
			return false
		case *syntax.CmdSubst:
			rw.within(n.Pos(), n.Stmts)
			return false
		case *syntax.ProcSubst:
			rw.within(n.Pos(), n.Stmts)
			return false
		}
		return true
	})
	for i, rd := range st.Redirs {
		fd, source := highFd(rd)
		if fd > 0 {
			rw.own(st, i)
			return
		}
		if source {
			st.Redirs[i] = rw.source(rd)
		}
	}
}

func (rw *fdRewriter) within(pos syntax.Pos, stmts []*syntax.Stmt) {
	if rw.depth < maxScopes {
		inner := &fdRewriter{scope: rw.scope + strconv.Itoa(int(pos.Offset())) + "/", depth: rw.depth + 1}
		inner.stmts(stmts)
		return
	}
	rw.stmts(stmts)
}

// source turns ">&3" into ">>/\x01fd/3" and "<&3" into "</\x01fd/3".
func (rw *fdRewriter) source(rd *syntax.Redirect) *syntax.Redirect {
	c := *rd
	c.Op = syntax.AppOut
	if rd.Op == syntax.DplIn {
		c.Op = syntax.RdrIn
	}
	// In a variable may be "-", 0, 1 or 2; those are for the interpreter. It
	// takes none but literals there, so a variable means a higher one.
	c.Word = &syntax.Word{Parts: append([]syntax.WordPart{quotedWord(fdDir + rw.scope)}, rd.Word.Parts...)}
	return &c
}

// own rewrites a statement of whose redirections the i-th is for a descriptor
// above 2. What comes before it applies to all the rest; it is opened next;
// what comes after it applies to the command alone.
func (rw *fdRewriter) own(st *syntax.Stmt, i int) {
	rd := st.Redirs[i]
	fd, _ := highFd(rd)
	args := []*syntax.Word{word(rw.scope), word(strconv.Itoa(fd)), word(rd.Op.String()), rd.Word}
	rest := &syntax.Stmt{Cmd: st.Cmd, Redirs: slices.Clone(st.Redirs[i+1:]), Position: st.Position}
	block := &syntax.Block{}
	if isExec(st) {
		// For good: "exec 3>f" and what else it redirects, in order.
		block.Stmts = append(block.Stmts, command(fdOpen, args...))
		for len(st.Redirs[:i]) > 0 {
			first := &syntax.Stmt{Cmd: st.Cmd, Redirs: slices.Clone(st.Redirs[:i]), Position: st.Position}
			block.Stmts = append([]*syntax.Stmt{first}, block.Stmts...)
			break
		}
		if len(rest.Redirs) > 0 {
			rw.redirs(rest)
			block.Stmts = append(block.Stmts, rest)
		}
		st.Cmd, st.Redirs = block, nil
		return
	}
	rw.redirs(rest)
	status := &syntax.Word{Parts: []syntax.WordPart{&syntax.ParamExp{Short: true, Param: &syntax.Lit{Value: "?"}}}}
	block.Stmts = []*syntax.Stmt{
		command(fdPush, args...), rest,
		command(fdPop, word(rw.scope), word(strconv.Itoa(fd)), status),
	}
	st.Cmd, st.Redirs = block, st.Redirs[:i]
}

// redirs rewrites the redirections of a statement whose inside is done.
func (rw *fdRewriter) redirs(st *syntax.Stmt) {
	for i, rd := range st.Redirs {
		fd, source := highFd(rd)
		if fd > 0 {
			rw.own(st, i)
			return
		}
		if source {
			st.Redirs[i] = rw.source(rd)
		}
	}
}

// isExec tells whether a statement is an exec without a command.
func isExec(st *syntax.Stmt) bool {
	call, ok := st.Cmd.(*syntax.CallExpr)
	return ok && len(call.Args) == 1 && len(call.Assigns) == 0 && call.Args[0].Lit() == "exec"
}

func command(name string, args ...*syntax.Word) *syntax.Stmt {
	return &syntax.Stmt{Cmd: &syntax.CallExpr{Args: append([]*syntax.Word{word(name)}, args...)}}
}

func word(s string) *syntax.Word {
	return &syntax.Word{Parts: []syntax.WordPart{quotedWord(s)}}
}

func quotedWord(s string) syntax.WordPart { return &syntax.SglQuoted{Value: s} }
