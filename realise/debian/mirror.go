//go:build unix

package debian

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/seed192a40f6/glang/stdlib"
)

// Mirror resolves paths of Debian's archive. Its zero value knows only the
// public snapshot archive.
type Mirror struct {
	// URLs are roots of the archive from the settings: file:///srv/debian for a
	// folder, which works without a network and is asked before anything else,
	// or http(s) addresses, which are asked after apt. A folder may also hold
	// the files flat, without the pool's directories.
	URLs []string
	// Apt is the machine's apt; nil where there is none.
	Apt *Apt
	// Lock names the packages that paths belong to, and dates the snapshot.
	// Without it neither apt's lists nor the snapshot can be asked.
	Lock *Lock
	// Client does what apt does not; nil means [http.DefaultClient].
	Client *http.Client
	// Snapshot is the root of the snapshot archive; "" means Debian's own.
	Snapshot string
}

// NewMirror makes the Mirror of this machine: with its apt, whose private lists
// are kept in cacheDir, the addresses of the settings, and <std>'s own pins.
func NewMirror(cacheDir string, urls []string) (*Mirror, error) {
	text, err := stdlib.FS.ReadFile("debian/lock.json")
	if err != nil {
		return nil, err
	}
	lock, err := ParseLock(text)
	if err != nil {
		return nil, err
	}
	m := &Mirror{URLs: urls, Apt: FindApt(cacheDir), Lock: lock}
	return m, nil
}

func isRemote(url string) bool { return !strings.HasPrefix(url, "file://") }

const publicSnapshot = "https://snapshot.debian.org/archive/debian"

// FetchError says that no source had a file of the archive.
type FetchError struct {
	Path   string // below the root of the archive
	Pin    string // "name=version" from the lock file; "" if it is not there
	Causes error  // one joined error a source
}

func (e *FetchError) Error() string {
	what := "'" + e.Path + "'"
	if e.Pin != "" {
		what += " (pinned as " + e.Pin + ")"
	}
	var causes strings.Builder
	for line := range strings.Lines(e.Causes.Error()) {
		causes.WriteString("\n  " + strings.TrimSpace(line))
	}
	return "no Debian mirror has " + what + ":" + causes.String() +
		"\nif a point release replaced this version, 'go run ./realise/debian/relock' in a checkout of glang pins the current one"
}

func (e *FetchError) Unwrap() error { return e.Causes }

// Fetch writes the file at filePath, a path below the root of the archive, to
// dest, which must not exist. The content is not verified. check, if not nil,
// looks at dest after each download and says with an error that the content is
// not the one wanted; the next source is then asked.
func (m *Mirror) Fetch(ctx context.Context, filePath, dest string, check func(dest string) error) error {
	if filePath == "" || path.Clean("/"+filePath) != "/"+filePath {
		return fmt.Errorf("'mirror://debian/%s' does not name a file of Debian's archive", filePath)
	}
	var causes []error
	for _, source := range m.sources() {
		err := source.fetch(ctx, filePath, dest)
		if err == nil && check != nil {
			err = check(dest)
		}
		if err == nil {
			return nil
		}
		os.Remove(dest)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		causes = append(causes, fmt.Errorf("%s: %w", source.name, err))
	}
	failure := &FetchError{Path: filePath, Causes: errors.Join(causes...)}
	if name, version, _, ok := m.Lock.find(filePath); ok {
		failure.Pin = name + "=" + version
	}
	return failure
}

// source is one way to a file of the archive.
type source struct {
	name  string
	fetch func(ctx context.Context, filePath, dest string) error
}

// sources gives the ways to the archive in the order in which they are tried:
// the nearest first, and before the network what works without.
func (m *Mirror) sources() []source {
	var list []source
	for _, root := range m.URLs {
		if folder, ok := strings.CutPrefix(root, "file://"); ok {
			list = append(list, source{root, func(_ context.Context, filePath, dest string) error {
				return copyFromFolder(folder, filePath, dest)
			}})
		}
	}
	if m.Apt != nil {
		list = append(list, source{"apt", m.Apt.fetchDirect})
		if m.Lock != nil {
			list = append(list, source{"apt, by name", func(ctx context.Context, filePath, dest string) error {
				return m.Apt.fetchListed(ctx, m.Lock, filePath, dest)
			}})
		}
	}
	for _, root := range m.URLs {
		if isRemote(root) {
			list = append(list, source{root, func(ctx context.Context, filePath, dest string) error {
				return m.download(ctx, strings.TrimRight(root, "/")+"/"+filePath, dest)
			}})
		}
	}
	if m.Lock != nil && m.Lock.Date != "" {
		root := m.Snapshot
		if root == "" {
			root = publicSnapshot
		}
		list = append(list, source{"snapshot", func(ctx context.Context, filePath, dest string) error {
			return m.download(ctx, root+"/"+m.Lock.Date+"/"+filePath, dest)
		}})
	}
	return list
}

func copyFromFolder(folder, filePath, dest string) error {
	in, err := os.Open(filepath.Join(folder, filepath.FromSlash(filePath)))
	if os.IsNotExist(err) {
		in, err = os.Open(filepath.Join(folder, path.Base(filePath)))
	}
	if os.IsNotExist(err) {
		return errors.New("the folder does not have it")
	}
	if err != nil {
		return err
	}
	defer in.Close()
	return writeFile(dest, in)
}

func (m *Mirror) download(ctx context.Context, url, dest string) error {
	client := m.Client
	if client == nil {
		client = http.DefaultClient
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", url, response.Status)
	}
	return writeFile(dest, response.Body)
}

func writeFile(dest string, content io.Reader) error {
	out, err := os.OpenFile(dest, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, content); err != nil {
		out.Close()
		return err
	}
	return out.Close()
}
