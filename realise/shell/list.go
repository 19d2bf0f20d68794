package shell

import (
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func (c *call) ls() int {
	opts, names := c.getopt("1aAlLRrStdFhikpgonHCxmsuUvbqQZ", "all=a almost-all=A directory=d recursive=R reverse=r dereference=L human-readable=h inode=i size=s color= classify=F full-time=l time-style= numeric-uid-gid=n group-directories-first=")
	if len(names) == 0 {
		names = []string{"."}
	}
	stat := os.Lstat
	if opts.has('L') {
		stat = os.Stat
	}
	type entry struct {
		name, path string
		fi         fs.FileInfo
	}
	order := func(entries []entry) {
		slices.SortFunc(entries, func(a, b entry) int {
			d := 0
			switch opts.lastOf("StU") {
			case 'S':
				d = int(min(max(b.fi.Size()-a.fi.Size(), -1), 1))
			case 't':
				d = b.fi.ModTime().Compare(a.fi.ModTime())
			}
			if d == 0 {
				d = strings.Compare(a.name, b.name)
			}
			if opts.has('r') {
				d = -d
			}
			return d
		})
	}
	long := opts.has('l') || opts.has('g') || opts.has('o') || opts.has('n')
	show := func(entries []entry) {
		for _, e := range entries {
			if opts.has('i') {
				if st, ok := e.fi.Sys().(*syscall.Stat_t); ok {
					fmt.Fprintf(c.out, "%d ", st.Ino)
				}
			}
			suffix := ""
			if opts.has('F') || opts.has('p') {
				switch m := e.fi.Mode(); {
				case m.IsDir():
					suffix = "/"
				case opts.has('p') && !opts.has('F'):
				case m&fs.ModeSymlink != 0:
					suffix = "@"
				case m&fs.ModeNamedPipe != 0:
					suffix = "|"
				case m.Perm()&0o111 != 0:
					suffix = "*"
				}
			}
			if long {
				c.longEntry(e.name, e.path, e.fi, suffix)
			} else {
				fmt.Fprintln(c.out, e.name+suffix)
			}
		}
	}
	var files []entry
	var dirs []entry
	for _, name := range names {
		path := c.path(name)
		fi, err := stat(path)
		if err == nil && fi.Mode()&fs.ModeSymlink != 0 && !opts.has('d') && !long {
			if target, terr := os.Stat(path); terr == nil && target.IsDir() {
				fi = target
			}
		}
		if err != nil {
			c.warn("cannot access '%s': %s", name, reason(err))
			c.status = 2
			continue
		}
		if fi.IsDir() && !opts.has('d') {
			dirs = append(dirs, entry{name, path, fi})
		} else {
			files = append(files, entry{name, path, fi})
		}
	}
	order(files)
	order(dirs)
	show(files)
	first := len(files) == 0
	headers := len(names) > 1 || opts.has('R')
	for len(dirs) > 0 {
		d := dirs[0]
		dirs = dirs[1:]
		if headers {
			if !first {
				c.out.WriteByte('\n')
			}
			fmt.Fprintf(c.out, "%s:\n", d.name)
		}
		first = false
		list, err := os.ReadDir(d.path)
		if err != nil {
			c.warn("cannot open directory '%s': %s", d.name, reason(err))
			c.status = 2
			continue
		}
		var entries, sub []entry
		if opts.has('a') {
			for _, dot := range []string{".", ".."} {
				if fi, err := os.Stat(d.path + "/" + dot); err == nil {
					entries = append(entries, entry{dot, d.path + "/" + dot, fi})
				}
			}
		}
		for _, e := range list {
			if strings.HasPrefix(e.Name(), ".") && !opts.has('a') && !opts.has('A') {
				continue
			}
			path := d.path + "/" + e.Name()
			fi, err := stat(path)
			if err != nil {
				c.warn("cannot access '%s': %s", e.Name(), reason(err))
				continue
			}
			entries = append(entries, entry{e.Name(), path, fi})
			if fi.IsDir() && opts.has('R') {
				sub = append(sub, entry{trimSlashes(d.name) + "/" + e.Name(), path, fi})
			}
		}
		order(entries)
		order(sub)
		show(entries)
		dirs = append(sub, dirs...)
	}
	return 0
}

func (c *call) longEntry(name, path string, fi fs.FileInfo, suffix string) {
	links, uid, gid := uint64(1), 0, 0
	if st, ok := fi.Sys().(*syscall.Stat_t); ok {
		links, uid, gid = uint64(st.Nlink), int(st.Uid), int(st.Gid)
	}
	when := fi.ModTime().In(c.location())
	layout := "Jan _2 15:04"
	if age := time.Since(when); age > 182*24*time.Hour || age < -time.Hour {
		layout = "Jan _2  2006"
	}
	if fi.Mode()&fs.ModeSymlink != 0 {
		if target, err := os.Readlink(path); err == nil {
			name += " -> " + target
		}
		suffix = ""
	}
	fmt.Fprintf(c.out, "%s %d %s %s %d %s %s%s\n", modeString(fi.Mode()), links,
		c.accountName("/etc/passwd", uid), c.accountName("/etc/group", gid), fi.Size(), when.Format(layout), name, suffix)
}

// modeString is the mode as ls -l prints it.
func modeString(m fs.FileMode) string {
	b := []byte("----------")
	switch {
	case m.IsDir():
		b[0] = 'd'
	case m&fs.ModeSymlink != 0:
		b[0] = 'l'
	case m&fs.ModeNamedPipe != 0:
		b[0] = 'p'
	case m&fs.ModeSocket != 0:
		b[0] = 's'
	case m&fs.ModeCharDevice != 0:
		b[0] = 'c'
	case m&fs.ModeDevice != 0:
		b[0] = 'b'
	}
	for i := range 9 {
		if m.Perm()&(1<<(8-i)) != 0 {
			b[i+1] = "rwx"[i%3]
		}
	}
	special := func(i int, set bool, with, without byte) {
		switch {
		case set && b[i] == 'x':
			b[i] = with
		case set:
			b[i] = without
		}
	}
	special(3, m&fs.ModeSetuid != 0, 's', 'S')
	special(6, m&fs.ModeSetgid != 0, 's', 'S')
	special(9, m&fs.ModeSticky != 0, 't', 'T')
	return string(b)
}

func (c *call) stat() int {
	opts, names := c.getopt("c:Lft", "format=c dereference=L printf=p")
	c.need(names, 1)
	format, ok := opts.last('c')
	if !ok {
		format = "  File: %n\n  Size: %s\tBlocks: %b\tIO Block: %o\t%F\nDevice: %d\tInode: %i\tLinks: %h\nAccess: (%04a/%A)  Uid: (%u/%U)   Gid: (%g/%G)\nAccess: %x\nModify: %y\nChange: %z"
		format = strings.ReplaceAll(format, "%04a", "0%a")
	}
	for _, name := range names {
		stat := os.Lstat
		if opts.has('L') {
			stat = os.Stat
		}
		fi, err := stat(c.path(name))
		if err != nil {
			c.warn("cannot statx '%s': %s", name, reason(err))
			continue
		}
		st := fi.Sys().(*syscall.Stat_t)
		access, modify, change := fileTimes(st)
		stamp := func(t syscall.Timespec) string {
			return time.Unix(t.Unix()).In(c.location()).Format("2006-01-02 15:04:05.000000000 -0700")
		}
		for i := 0; i < len(format); i++ {
			if format[i] != '%' || i+1 == len(format) {
				c.out.WriteByte(format[i])
				continue
			}
			i++
			switch format[i] {
			case 'n':
				c.out.WriteString(name)
			case 'N':
				c.out.WriteString("'" + name + "'")
				if target, err := os.Readlink(c.path(name)); err == nil {
					c.out.WriteString(" -> '" + target + "'")
				}
			case 's':
				fmt.Fprint(c.out, fi.Size())
			case 'a':
				fmt.Fprintf(c.out, "%o", unixMode(fi.Mode()))
			case 'A':
				c.out.WriteString(modeString(fi.Mode()))
			case 'f':
				fmt.Fprintf(c.out, "%x", st.Mode)
			case 'F':
				c.out.WriteString(typeName(fi))
			case 'u':
				fmt.Fprint(c.out, st.Uid)
			case 'U':
				c.out.WriteString(c.accountName("/etc/passwd", int(st.Uid)))
			case 'g':
				fmt.Fprint(c.out, st.Gid)
			case 'G':
				c.out.WriteString(c.accountName("/etc/group", int(st.Gid)))
			case 'h':
				fmt.Fprint(c.out, st.Nlink)
			case 'i':
				fmt.Fprint(c.out, st.Ino)
			case 'd':
				fmt.Fprint(c.out, st.Dev)
			case 'b':
				fmt.Fprint(c.out, st.Blocks)
			case 'B':
				c.out.WriteString("512")
			case 'o':
				fmt.Fprint(c.out, st.Blksize)
			case 'X':
				fmt.Fprint(c.out, access.Sec)
			case 'Y':
				fmt.Fprint(c.out, modify.Sec)
			case 'Z':
				fmt.Fprint(c.out, change.Sec)
			case 'x':
				c.out.WriteString(stamp(access))
			case 'y':
				c.out.WriteString(stamp(modify))
			case 'z':
				c.out.WriteString(stamp(change))
			case '%':
				c.out.WriteByte('%')
			default:
				c.out.WriteByte('?')
			}
		}
		c.out.WriteByte('\n')
	}
	return 0
}

func typeName(fi fs.FileInfo) string {
	switch m := fi.Mode(); {
	case m.IsDir():
		return "directory"
	case m&fs.ModeSymlink != 0:
		return "symbolic link"
	case m&fs.ModeNamedPipe != 0:
		return "fifo"
	case m&fs.ModeSocket != 0:
		return "socket"
	case m&fs.ModeCharDevice != 0:
		return "character special file"
	case m&fs.ModeDevice != 0:
		return "block special file"
	case fi.Size() == 0:
		return "regular empty file"
	}
	return "regular file"
}

// location is the time zone of the call.
func (c *call) location() *time.Location {
	tz := strings.TrimPrefix(c.getenv("TZ"), ":")
	if tz == "" {
		return time.Local
	}
	if loc, err := time.LoadLocation(tz); err == nil {
		return loc
	}
	return time.UTC
}

func (c *call) date() int {
	opts, args := c.getopt("ud:r:RI?", "utc=u universal=u date=d reference=r rfc-email=R iso-8601=I rfc-3339=3")
	loc := c.location()
	if opts.has('u') {
		loc = time.UTC
	}
	now := time.Now()
	if s, ok := opts.last('d'); ok {
		t, err := parseDate(s, loc)
		if err != nil {
			c.die(1, "invalid date '%s'", s)
		}
		now = t
	}
	if name, ok := opts.last('r'); ok {
		if sec, err := strconv.ParseInt(name, 10, 64); err == nil && !exists(c.path(name)) {
			now = time.Unix(sec, 0)
		} else {
			fi, err := os.Stat(c.path(name))
			if err != nil {
				c.die(1, "%s: %s", name, reason(err))
			}
			now = fi.ModTime()
		}
	}
	now = now.In(loc)
	format := "%a %b %e %H:%M:%S %Z %Y"
	switch {
	case len(args) > 0 && strings.HasPrefix(args[0], "+"):
		format = args[0][1:]
	case len(args) > 0:
		c.die(1, "invalid date '%s'", args[0])
	case opts.has('R'):
		format = "%a, %d %b %Y %H:%M:%S %z"
	case opts.has('I'):
		format = "%Y-%m-%d"
		if v, _ := opts.last('I'); strings.HasPrefix(v, "s") {
			format = "%Y-%m-%dT%H:%M:%S%:z"
		}
	}
	fmt.Fprintln(c.out, strftime(now, format))
	return 0
}

// parseDate reads the forms of date -d that scripts use.
func parseDate(s string, loc *time.Location) (time.Time, error) {
	s = strings.TrimSpace(s)
	if sec, ok := strings.CutPrefix(s, "@"); ok {
		whole, frac, _ := strings.Cut(sec, ".")
		n, err := strconv.ParseInt(whole, 10, 64)
		if err != nil {
			return time.Time{}, err
		}
		ns, err := strconv.ParseInt((frac + "000000000")[:9], 10, 64)
		return time.Unix(n, ns), err
	}
	switch s {
	case "", "now":
		return time.Now(), nil
	case "epoch":
		return time.Unix(0, 0), nil
	}
	if strings.HasSuffix(s, " UTC") || strings.HasSuffix(s, "Z") {
		s, loc = strings.TrimSuffix(strings.TrimSuffix(s, " UTC"), "Z"), time.UTC
	}
	for _, layout := range []string{
		"2006-01-02T15:04:05-07:00", "2006-01-02 15:04:05 -0700", "2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02 15:04",
		"2006-01-02", "20060102", "Mon, 2 Jan 2006 15:04:05 -0700", "Mon Jan 2 15:04:05 2006", "Mon Jan 2 15:04:05 MST 2006", "2 Jan 2006", "Jan 2 2006",
	} {
		if t, err := time.ParseInLocation(layout, s, loc); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("invalid date '%s'", s)
}

// strftime formats a time as the C function does in the C locale.
func strftime(t time.Time, format string) string {
	var b strings.Builder
	for i := 0; i < len(format); i++ {
		if format[i] != '%' || i+1 == len(format) {
			b.WriteByte(format[i])
			continue
		}
		i++
		pad := byte(0)
		if strings.IndexByte("-_0", format[i]) >= 0 && i+1 < len(format) {
			pad = format[i]
			i++
		}
		num := func(n, width int, fill byte) {
			if pad == '-' {
				width = 0
			}
			if pad == '_' {
				fill = ' '
			}
			s := strconv.Itoa(n)
			for len(s) < width {
				s = string(fill) + s
			}
			b.WriteString(s)
		}
		switch format[i] {
		case 'Y':
			num(t.Year(), 4, '0')
		case 'C':
			num(t.Year()/100, 2, '0')
		case 'y':
			num(t.Year()%100, 2, '0')
		case 'm':
			num(int(t.Month()), 2, '0')
		case 'd':
			num(t.Day(), 2, '0')
		case 'e':
			num(t.Day(), 2, ' ')
		case 'H':
			num(t.Hour(), 2, '0')
		case 'I':
			num((t.Hour()+11)%12+1, 2, '0')
		case 'M':
			num(t.Minute(), 2, '0')
		case 'S':
			num(t.Second(), 2, '0')
		case 'j':
			num(t.YearDay(), 3, '0')
		case 'u':
			num((int(t.Weekday())+6)%7+1, 1, '0')
		case 'w':
			num(int(t.Weekday()), 1, '0')
		case 'V':
			_, week := t.ISOWeek()
			num(week, 2, '0')
		case 'G':
			year, _ := t.ISOWeek()
			num(year, 4, '0')
		case 'N':
			num(t.Nanosecond(), 9, '0')
		case 's':
			b.WriteString(strconv.FormatInt(t.Unix(), 10))
		case 'a':
			b.WriteString(t.Format("Mon"))
		case 'A':
			b.WriteString(t.Format("Monday"))
		case 'b', 'h':
			b.WriteString(t.Format("Jan"))
		case 'B':
			b.WriteString(t.Format("January"))
		case 'p':
			b.WriteString(t.Format("PM"))
		case 'Z':
			b.WriteString(t.Format("MST"))
		case 'z':
			b.WriteString(t.Format("-0700"))
		case ':':
			if i+1 < len(format) && format[i+1] == 'z' {
				i++
				b.WriteString(t.Format("-07:00"))
			}
		case 'F':
			b.WriteString(t.Format("2006-01-02"))
		case 'D', 'x':
			b.WriteString(t.Format("01/02/06"))
		case 'T', 'X':
			b.WriteString(t.Format("15:04:05"))
		case 'R':
			b.WriteString(t.Format("15:04"))
		case 'r':
			b.WriteString(t.Format("03:04:05 PM"))
		case 'c':
			b.WriteString(t.Format("Mon Jan _2 15:04:05 2006"))
		case 'n':
			b.WriteByte('\n')
		case 't':
			b.WriteByte('\t')
		case '%':
			b.WriteByte('%')
		default:
			b.WriteString("%" + string(format[i]))
		}
	}
	return b.String()
}
