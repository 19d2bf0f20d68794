package store

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/seed192a40f6/glang/store/storepath"
)

// tempRoots are the paths that this process wants kept while it lives: the
// file temproots/PID, locked, holding full paths ended by NUL.
type tempRoots struct {
	mu     sync.Mutex
	file   *os.File
	gcLock *os.File // gc.lock, held exclusively by a running collector
	socket net.Conn // to a running collector
	have   map[storepath.Path]bool
}

func (s *Store) tempRootsDir() string { return filepath.Join(s.state, "temproots") }
func (s *Store) gcLockFile() string   { return filepath.Join(s.state, "gc.lock") }
func (s *Store) gcSocket() string     { return filepath.Join(s.state, "gc-socket", "socket") }

// AddTempRoot keeps the collector from deleting a path, valid or not, until
// this process ends or the Store is closed. When it returns, a collection that
// is running knows of it too, and is not just deleting the path.
func (s *Store) AddTempRoot(p storepath.Path) error {
	if s.cfg.ReadOnly {
		return nil // nothing can be deleted through it, and there is nowhere to write
	}
	if err := s.Start(); err != nil {
		return err
	}
	t := &s.temp
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.have[p] {
		return nil
	}
	if t.file == nil {
		if err := s.makeTempRootsFile(); err != nil {
			return s.explain(err, s.tempRootsDir())
		}
		t.have = map[storepath.Path]bool{}
	}
	if t.gcLock == nil {
		f, err := openLockFile(s.gcLockFile())
		if err != nil {
			return s.explain(err, s.state)
		}
		t.gcLock = f
	}
	for {
		ok, err := flock(t.gcLock, unix.LOCK_SH|unix.LOCK_NB)
		if err != nil {
			return err
		}
		if ok {
			break
		}
		told, err := s.tellCollector(p)
		if err != nil {
			return err
		}
		if told {
			break
		}
		time.Sleep(20 * time.Millisecond) // it has ended, or does not listen yet
	}
	_, err := t.file.WriteString(s.scheme.Print(p) + "\x00")
	if _, uerr := flock(t.gcLock, unix.LOCK_UN); err == nil {
		err = uerr
	}
	if err != nil {
		return s.explain(fmt.Errorf("writing to file '%s': %w", t.file.Name(), bare(err)), s.state)
	}
	t.have[p] = true
	return nil
}

func (s *Store) makeTempRootsFile() error {
	name := filepath.Join(s.tempRootsDir(), strconv.Itoa(os.Getpid()))
	// A file of this name is stale, for no two processes have one pid; but two
	// stores opened in one process share it, and then a number is added.
	for try := 0; ; try++ {
		f, err := openLockFile(name)
		if err != nil {
			return err
		}
		ok, err := flock(f, unix.LOCK_EX|unix.LOCK_NB)
		if err != nil {
			f.Close()
			return err
		}
		if !ok {
			f.Close()
			name = filepath.Join(s.tempRootsDir(), strconv.Itoa(os.Getpid())+"."+strconv.Itoa(try+1))
			continue
		}
		fi, err := f.Stat()
		if err != nil {
			f.Close()
			return err
		}
		if fi.Size() == 0 {
			s.temp.file = f
			return nil
		}
		// stale, of a process killed, or deleted by the collector meanwhile
		os.Remove(name)
		f.Close()
	}
}

// tellCollector sends a root to the running collector and waits until it has
// taken note. It returns false if there is none after all.
func (s *Store) tellCollector(p storepath.Path) (bool, error) {
	t := &s.temp
	if t.socket == nil {
		c, err := dialUnix(s.gcSocket())
		if errors.Is(err, unix.ECONNREFUSED) || errors.Is(err, fs.ErrNotExist) {
			return false, nil
		}
		if err != nil {
			return false, fmt.Errorf("cannot connect to socket at '%s': %w", s.gcSocket(), bare(err))
		}
		t.socket = c
	}
	ack := []byte{0}
	_, err := io.WriteString(t.socket, s.scheme.Print(p)+"\n")
	if err == nil {
		_, err = io.ReadFull(t.socket, ack)
	}
	if err != nil {
		t.socket.Close()
		t.socket = nil
		return false, nil
	}
	return ack[0] == '1', nil
}

func (t *tempRoots) close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.file != nil {
		deleteLockFile(t.file)
		t.file.Close()
		t.file, t.have = nil, nil
	}
	if t.gcLock != nil {
		t.gcLock.Close()
		t.gcLock = nil
	}
	if t.socket != nil {
		t.socket.Close()
		t.socket = nil
	}
}

// findTempRoots calls found for each temporary root of a living process, and
// deletes the files of dead ones.
func (s *Store) findTempRoots(found func(p storepath.Path, pid string)) error {
	entries, err := os.ReadDir(s.tempRootsDir())
	if err != nil {
		return fmt.Errorf("opening directory \"%s\": %w", s.tempRootsDir(), bare(err))
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") {
			continue
		}
		if err := s.readTempRoots(filepath.Join(s.tempRootsDir(), e.Name()), found); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) readTempRoots(name string, found func(p storepath.Path, pid string)) error {
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("opening temporary roots file \"%s\": %w", name, bare(err))
	}
	defer f.Close()
	// The owner holds the lock as long as it lives.
	if ok, err := flock(f, unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return err
	} else if ok {
		s.logf(LevelInfo, "removing stale temporary roots file \"%s\"", name)
		deleteLockFile(f)
		return nil
	}
	r := bufio.NewReader(f)
	for {
		line, err := r.ReadBytes(0)
		if err == io.EOF {
			return nil // a root without its NUL is being written: its writer waits for us
		}
		if err != nil {
			return fmt.Errorf("reading temporary roots file \"%s\": %w", name, bare(err))
		}
		p, err := s.scheme.Parse(string(bytes.TrimSuffix(line, []byte{0})))
		if err != nil {
			return fmt.Errorf("temporary roots file \"%s\": %w", name, err)
		}
		pid, _, _ := strings.Cut(filepath.Base(name), ".")
		found(p, pid)
	}
}

// dialUnix connects to a socket whose name may be longer than the 107 bytes
// that its address can hold.
func dialUnix(path string) (net.Conn, error) {
	if len(path) <= maxSocketName {
		return net.Dial("unix", path)
	}
	short, done, err := shortSocketName(path)
	if err != nil {
		return nil, err
	}
	defer done()
	return net.Dial("unix", short)
}

func listenUnix(path string) (net.Listener, error) {
	if len(path) <= maxSocketName {
		return net.Listen("unix", path)
	}
	short, done, err := shortSocketName(path)
	if err != nil {
		return nil, err
	}
	defer done()
	l, err := net.Listen("unix", short)
	if err == nil {
		l.(*net.UnixListener).SetUnlinkOnClose(false) // the short name ends with done
	}
	return l, err
}

const maxSocketName = 100

// shortSocketName makes a symlink to the directory of path and names path
// through it.
func shortSocketName(path string) (short string, done func(), err error) {
	dir, err := os.MkdirTemp("", "glang-")
	if err != nil {
		return "", nil, err
	}
	done = func() { os.RemoveAll(dir) }
	link := filepath.Join(dir, "d")
	if err := os.Symlink(filepath.Dir(path), link); err != nil {
		done()
		return "", nil, err
	}
	return filepath.Join(link, filepath.Base(path)), done, nil
}
