package shell

import (
	"fmt"
	"io"
	"strconv"
	"syscall"

	"mvdan.cc/sh/v3/syntax"
)

// The mask of new files is the process's, and subshells of the interpreter are
// goroutines of one process. So in a script that sets it each subshell, and
// each command substitution, is put between two commands that keep the mask
// and set it again:
//
//	(umask 077; mkdir d)        { \x01mask PLACE; (umask 077; mkdir d); \x01unmask PLACE $?; }
//
// That does not help those that run at the same time as others: in the
// background, and in a pipe.

const (
	maskKeep  = internalPrefix + "mask"
	maskReset = internalPrefix + "unmask"
)

// rewriteUmask rewrites a script in place, if it sets the mask.
func rewriteUmask(file *syntax.File) bool {
	sets := false
	syntax.Walk(file, func(node syntax.Node) bool {
		if call, ok := node.(*syntax.CallExpr); ok && len(call.Args) > 1 && call.Args[0].Lit() == "umask" {
			sets = true
		}
		return !sets
	})
	if !sets {
		return false
	}
	changed := false
	rewriteMasked(file, &changed)
	return changed
}

func rewriteMasked(within syntax.Node, changed *bool) {
	syntax.Walk(within, func(node syntax.Node) bool {
		var sub *syntax.Subshell
		switch n := node.(type) {
		case *syntax.Stmt:
			var ok bool
			if sub, ok = n.Cmd.(*syntax.Subshell); !ok || n.Background {
				return true
			}
			n.Cmd = masked(sub)
			for _, rd := range n.Redirs {
				rewriteMasked(rd, changed)
			}
		case *syntax.CmdSubst:
			if len(n.Stmts) == 0 {
				return true
			}
			sub = &syntax.Subshell{Lparen: n.Left, Rparen: n.Right, Stmts: n.Stmts}
			n.Stmts = []*syntax.Stmt{{Cmd: masked(sub), Position: n.Left}}
		default:
			return true
		}
		*changed = true
		for _, st := range sub.Stmts {
			rewriteMasked(st, changed)
		}
		return false
	})
}

// masked is a block in which a subshell has the mask for itself.
func masked(sub *syntax.Subshell) *syntax.Block {
	place := word(strconv.Itoa(int(sub.Lparen.Offset())))
	status := &syntax.Word{Parts: []syntax.WordPart{&syntax.ParamExp{Short: true, Param: &syntax.Lit{Value: "?"}}}}
	return &syntax.Block{Stmts: []*syntax.Stmt{
		command(maskKeep, place), {Cmd: sub, Position: sub.Lparen}, command(maskReset, place, status),
	}}
}

// keepMask and resetMask carry out what the rewriting puts in.
func (sh *shell) keepMask(place string) int {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if sh.masks == nil {
		sh.masks = map[string][]int{}
	}
	sh.masks[place] = append(sh.masks[place], int(currentUmask()))
	return 0
}

func (sh *shell) resetMask(place, status string) int {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	kept := sh.masks[place]
	syscall.Umask(kept[len(kept)-1])
	sh.masks[place] = kept[:len(kept)-1]
	n, _ := strconv.Atoi(status) // $? is a number
	return n
}

// umask shows or sets the mask of the process.
func umask(stdout, stderr io.Writer, args []string) int {
	symbolic := len(args) > 0 && args[0] == "-S"
	if symbolic {
		args = args[1:]
	}
	old := syscall.Umask(0)
	syscall.Umask(old)
	if len(args) == 0 {
		if symbolic {
			perm := func(shift uint) string {
				s := ""
				for i, c := range "rwx" {
					if old>>shift&(4>>i) == 0 {
						s += string(c)
					}
				}
				return s
			}
			fmt.Fprintf(stdout, "u=%s,g=%s,o=%s\n", perm(6), perm(3), perm(0))
		} else {
			fmt.Fprintf(stdout, "%04o\n", old)
		}
		return 0
	}
	if n, err := strconv.ParseUint(args[0], 8, 9); err == nil {
		syscall.Umask(int(n))
		return 0
	}
	change, err := parseMode(args[0])
	if err != nil {
		fmt.Fprintf(stderr, "umask: %v\n", err)
		return 1
	}
	syscall.Umask(^int(change(uint32(^old&0o777), true, 0)) & 0o777)
	return 0
}
