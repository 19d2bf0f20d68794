package shell

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// modeChange computes new permissions (with the setuid, setgid and sticky
// bits) from the old ones. umask is what a clause without "ugoa" leaves alone.
type modeChange func(old uint32, dir bool, umask uint32) uint32

// parseMode reads a mode as chmod does: octal, or clauses [ugoa]*([-+=][rwxXst]*)+.
func parseMode(s string) (modeChange, error) {
	if n, err := strconv.ParseUint(s, 8, 12); err == nil {
		return func(uint32, bool, uint32) uint32 { return uint32(n) }, nil
	}
	var changes []modeChange
	for _, clause := range strings.Split(s, ",") {
		i := 0
		for i < len(clause) && strings.IndexByte("ugoa", clause[i]) >= 0 {
			i++
		}
		who := clause[:i]
		if i == len(clause) {
			return nil, fmt.Errorf("invalid mode: '%s'", s)
		}
		for i < len(clause) {
			op := clause[i]
			if strings.IndexByte("+-=", op) < 0 {
				return nil, fmt.Errorf("invalid mode: '%s'", s)
			}
			j := i + 1
			for j < len(clause) && strings.IndexByte("+-=", clause[j]) < 0 {
				j++
			}
			perms := clause[i+1 : j]
			if strings.Trim(perms, "rwxXstugo") != "" {
				return nil, fmt.Errorf("invalid mode: '%s'", s)
			}
			changes = append(changes, modeClause(who, op, perms))
			i = j
		}
	}
	return func(old uint32, dir bool, umask uint32) uint32 {
		for _, change := range changes {
			old = change(old, dir, umask)
		}
		return old
	}, nil
}

func modeClause(who string, op byte, perms string) modeChange {
	return func(old uint32, dir bool, umask uint32) uint32 {
		var mask uint32 // the bits that the clause is about
		for _, w := range who {
			switch w {
			case 'u':
				mask |= 0o4700
			case 'g':
				mask |= 0o2070
			case 'o':
				mask |= 0o1007
			case 'a':
				mask |= 0o7777
			}
		}
		if who == "" {
			mask = 0o7777 &^ umask
		}
		var bits uint32
		for _, p := range perms {
			switch p {
			case 'r':
				bits |= 0o444
			case 'w':
				bits |= 0o222
			case 'x':
				bits |= 0o111
			case 'X':
				if dir || old&0o111 != 0 {
					bits |= 0o111
				}
			case 's':
				bits |= 0o6000
			case 't':
				bits |= 0o1000
			case 'u':
				bits |= old >> 6 & 7 * 0o111
			case 'g':
				bits |= old >> 3 & 7 * 0o111
			case 'o':
				bits |= old & 7 * 0o111
			}
		}
		bits &= mask
		switch op {
		case '+':
			return old | bits
		case '-':
			return old &^ bits
		}
		if who == "" {
			mask = 0o7777
		}
		if dir {
			mask &^= 0o6000
		}
		return old&^mask | bits
	}
}

// unixMode is the permission bits as the system has them.
func unixMode(m fs.FileMode) uint32 {
	bits := uint32(m.Perm())
	if m&fs.ModeSetuid != 0 {
		bits |= 0o4000
	}
	if m&fs.ModeSetgid != 0 {
		bits |= 0o2000
	}
	if m&fs.ModeSticky != 0 {
		bits |= 0o1000
	}
	return bits
}

// currentUmask reads the umask, which the system only gives by setting it.
func currentUmask() uint32 {
	old := syscall.Umask(0)
	syscall.Umask(old)
	return uint32(old)
}

// setMode changes the permissions of a file as mode says.
func (c *call) setMode(path, name, mode string) {
	change, err := parseMode(mode)
	if err != nil {
		c.die(1, "%s", err)
	}
	c.applyMode(path, name, change, currentUmask(), false)
}

func (c *call) applyMode(path, name string, change modeChange, umask uint32, quiet bool) {
	fi, err := os.Stat(path)
	if err == nil {
		err = syscall.Chmod(path, change(unixMode(fi.Mode()), fi.IsDir(), umask))
		if err != nil {
			err = os.NewSyscallError("chmod", err)
		}
	}
	if err != nil && !quiet {
		c.warn("changing permissions of '%s': %s", name, reason(err))
	} else if err != nil {
		c.status = 1
	}
}

func (c *call) chmod() int {
	// A mode such as "-w" looks like an option.
	var mode string
	for i, arg := range c.args {
		if len(arg) > 1 && arg[0] == '-' && strings.IndexByte("rwxXst", arg[1]) >= 0 {
			mode = arg
			c.args = append(append([]string{}, c.args[:i]...), c.args[i+1:]...)
			break
		}
		if arg == "--" {
			break
		}
	}
	opts, names := c.getopt("Rfvc", "recursive=R quiet=f silent=f verbose=v changes=c reference=p preserve-root= no-preserve-root=")
	if mode == "" {
		c.need(names, 2)
		mode, names = names[0], names[1:]
	}
	c.need(names, 1)
	change, err := parseMode(mode)
	if err != nil {
		c.die(1, "%s", err)
	}
	umask := currentUmask()
	for _, name := range names {
		path := c.path(name)
		if !opts.has('R') {
			if _, err := os.Stat(path); err != nil {
				if !opts.has('f') {
					c.warn("cannot access '%s': %s", name, reason(err))
				}
				c.status = 1
				continue
			}
			c.applyMode(path, name, change, umask, opts.has('f'))
			continue
		}
		c.chmodTree(path, name, change, umask, opts.has('f'))
	}
	return 0
}

// chmodTree changes a tree. A directory's own mode is changed before it is
// read, for the change may be what makes it readable.
func (c *call) chmodTree(path, name string, change modeChange, umask uint32, quiet bool) {
	fi, err := os.Lstat(path)
	if err != nil {
		c.fileErr(name, err)
		return
	}
	if fi.Mode()&fs.ModeSymlink != 0 {
		return
	}
	c.applyMode(path, name, change, umask, quiet)
	if !fi.IsDir() {
		return
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		c.fileErr(name, err)
	}
	for _, e := range entries {
		c.chmodTree(filepath.Join(path, e.Name()), name+"/"+e.Name(), change, umask, quiet)
	}
}
