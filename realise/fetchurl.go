//go:build unix

package realise

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/therootcompany/xz"

	"github.com/seed192a40f6/glang/derivation"
	"github.com/seed192a40f6/glang/store/hash"
	"github.com/seed192a40f6/glang/store/nar"
	"github.com/seed192a40f6/glang/store/storepath"
)

// A Mirror fetches a file of a public archive that many servers have.
type Mirror interface {
	// Fetch writes the file at path, below the archive's root, to dest, which
	// does not exist. check (or nil) says whether what came is the right
	// thing; if not, the next source is asked.
	Fetch(ctx context.Context, path, dest string, check func(dest string) error) error
}

// builtinFetchurl downloads a file, which may be an archive to unpack.
func builtinFetchurl(ctx context.Context, c *BuiltinContext) error {
	out, ok := c.Outputs["out"]
	if !ok {
		return errors.New("'builtin:fetchurl' requires an 'out' output")
	}
	def := c.Drv.Outputs["out"]
	if def.Kind != derivation.Fixed && def.Kind != derivation.Impure {
		return errors.New("'builtin:fetchurl' must be a fixed-output or impure derivation")
	}
	main, err := c.Attr("url")
	if err != nil {
		return err
	}
	f := &fetcher{r: c.b.r, drv: c.b.path, log: c.Log}
	if def.Kind == derivation.Fixed && def.Method == storepath.Flat {
		f.want = def.Hash
	}
	unpack := c.AttrOr("unpack", "") == "1"
	file := out
	if unpack {
		file = filepath.Join(c.TmpDir, "download")
	}
	if err := f.first(ctx, main, file); err != nil {
		return err
	}
	if unpack {
		if err := restoreDownload(file, strings.HasSuffix(main, ".xz"), out); err != nil {
			return err
		}
	}
	if c.AttrOr("executable", "") == "1" {
		return os.Chmod(out, 0o755)
	}
	return nil
}

// restoreDownload unpacks an archive in the store's format.
func restoreDownload(file string, compressed bool, out string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	var r io.Reader = f
	if compressed {
		if r, err = xz.NewReader(f, 0); err != nil {
			return err
		}
	}
	return nar.Restore(r, out)
}

// A fetcher downloads one file.
type fetcher struct {
	r    *Realiser
	drv  storepath.Path
	log  io.Writer
	want hash.Hash // of the bytes, if it is known
}

// first tries mirrors that have files by their hash, then the address itself.
func (f *fetcher) first(ctx context.Context, address, dest string) error {
	if !f.want.IsZero() {
		for _, m := range f.r.opts.HashedMirrors {
			at := strings.TrimSuffix(m, "/") + "/" + f.want.Algo().String() + "/" + f.want.Base16()
			if f.fetch(ctx, at, dest) == nil {
				return nil
			}
			if err := os.Remove(dest); err != nil && !errors.Is(err, os.ErrNotExist) {
				return err
			}
		}
	}
	return f.fetch(ctx, address, dest)
}

func (f *fetcher) fetch(ctx context.Context, address, dest string) error {
	u, err := url.Parse(address)
	if err != nil {
		return fmt.Errorf("'%s' is not a valid URL: %w", address, errors.Unwrap(err))
	}
	f.r.event(Event{Kind: DownloadStarted, Drv: f.drv, Text: address})
	switch u.Scheme {
	case "http", "https":
		err = f.http(ctx, u, dest)
	case "file":
		err = f.file(ctx, u, dest)
	case "mirror":
		err = f.mirror(ctx, u, dest)
	default:
		err = fmt.Errorf("unable to download '%s': unsupported scheme '%s'", address, u.Scheme)
	}
	f.r.event(Event{Kind: DownloadDone, Drv: f.drv, Text: address, Err: err})
	return err
}

func (f *fetcher) file(ctx context.Context, u *url.URL, dest string) error {
	in, err := OpenLocal(u)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(dest)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, &progressReader{ctx: ctx, r: in, f: f})
	return errors.Join(err, out.Close())
}

// OpenLocal opens the regular file that a file:// address names. A pipe would
// keep one waiting, and many a device has no end.
func OpenLocal(u *url.URL) (*os.File, error) {
	f, err := os.OpenFile(u.Path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err == nil {
		var fi os.FileInfo
		if fi, err = f.Stat(); err == nil && fi.Mode().IsRegular() {
			return f, nil
		}
		f.Close()
	}
	return nil, fmt.Errorf("unable to download '%s': Could not read a file:// file (37) Could not open file %s", u, u.Path)
}

func (f *fetcher) mirror(ctx context.Context, u *url.URL, dest string) error {
	m := f.r.opts.Mirrors[u.Host]
	if m == nil {
		return fmt.Errorf("unable to download '%s': no mirrors of '%s' are known", u, u.Host)
	}
	var check func(string) error
	if !f.want.IsZero() {
		check = f.check
	}
	return m.Fetch(ctx, strings.TrimPrefix(u.Path, "/"), dest, check)
}

// check compares a file's hash with the one wanted.
func (f *fetcher) check(file string) error {
	in, err := os.Open(file)
	if err != nil {
		return err
	}
	defer in.Close()
	got, _, err := hash.Copy(f.want.Algo(), in)
	if err == nil && got != f.want {
		err = fmt.Errorf("hash mismatch: wanted %s, got %s", f.want.SRI(), got.SRI())
	}
	return err
}

// A httpError is a failed attempt.
type httpError struct {
	text      string
	transient bool
	cause     error
}

func (e *httpError) Error() string { return e.text }
func (e *httpError) Unwrap() error { return e.cause }

const firstPause = 250 * time.Millisecond

// http downloads with several attempts, each of which goes on where the last
// one broke off if the server can do that.
func (f *fetcher) http(ctx context.Context, u *url.URL, dest string) error {
	out, err := os.Create(dest)
	if err != nil {
		return err
	}
	defer out.Close()
	tag := ""
	for attempt := 1; ; attempt++ {
		tag, err = f.attempt(ctx, u, out, tag)
		var he *httpError
		if err == nil {
			return out.Close()
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if !errors.As(err, &he) || !he.transient || attempt >= f.r.opts.Retries {
			return err
		}
		pause := time.Duration(float64(firstPause<<(attempt-1)) * (1 + rand.Float64()/2))
		fmt.Fprintf(f.log, "warning: %s; retrying in %d ms (attempt %d/%d)\n", err, pause.Milliseconds(), attempt, f.r.opts.Retries)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
}

// attempt appends to out; tag is the version that out has a part of, "" if it
// cannot be gone on with.
func (f *fetcher) attempt(ctx context.Context, u *url.URL, out *os.File, tag string) (string, error) {
	have, err := out.Seek(0, io.SeekEnd)
	if err != nil {
		return "", err
	}
	if tag == "" {
		have = 0
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return "", err
	}
	req.Header.Set("User-Agent", "glang")
	req.Header.Set("Accept-Encoding", "identity") // the file as it is: what is hashed
	if have > 0 {
		req.Header.Set("Range", "bytes="+strconv.FormatInt(have, 10)+"-")
		req.Header.Set("If-Range", tag)
	}
	if err := f.r.authorize(req); err != nil {
		return "", err
	}
	client := f.r.opts.HTTP
	if client == nil {
		client = http.DefaultClient
	}
	resp, err := client.Do(req)
	if err != nil {
		return tag, &httpError{fmt.Sprintf("unable to download '%s': %v", u, cause(err)), true, err}
	}
	defer resp.Body.Close()
	switch {
	case resp.StatusCode == http.StatusPartialContent && have > 0:
	case resp.StatusCode == http.StatusOK:
		have = 0
	default:
		return "", &httpError{text: fmt.Sprintf("unable to download '%s': HTTP error %d", u, resp.StatusCode), transient: transient(resp.StatusCode)}
	}
	if err := out.Truncate(have); err != nil {
		return "", err
	}
	if _, err := out.Seek(have, io.SeekStart); err != nil {
		return "", err
	}
	tag = resp.Header.Get("ETag")
	if strings.HasPrefix(tag, "W/") || tag == "" {
		tag = resp.Header.Get("Last-Modified")
	}
	total := int64(0)
	if resp.ContentLength >= 0 {
		total = have + resp.ContentLength
	}
	body := &progressReader{ctx: ctx, r: resp.Body, f: f, done: have, total: total}
	if _, err := io.Copy(out, body); err != nil {
		if body.err == nil || body.err == io.EOF { // the disk's fault, not the network's
			return "", err
		}
		return tag, &httpError{fmt.Sprintf("unable to download '%s': %v", u, cause(err)), true, err}
	}
	return tag, nil
}

// cause leaves out of an error what the message says already.
func cause(err error) error {
	var ue *url.Error
	if errors.As(err, &ue) {
		return ue.Err
	}
	return err
}

// transient tells whether another attempt may go better.
func transient(status int) bool {
	switch status {
	case http.StatusRequestTimeout, http.StatusTooManyRequests:
		return true
	case http.StatusNotImplemented, http.StatusHTTPVersionNotSupported, http.StatusNetworkAuthenticationRequired:
		return false
	}
	return status >= 500
}

// A progressReader tells of what is read through it.
type progressReader struct {
	ctx         context.Context
	r           io.Reader
	f           *fetcher
	done, total int64
	told        time.Time
	err         error
}

func (p *progressReader) Read(b []byte) (int, error) {
	if err := p.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := p.r.Read(b)
	p.done += int64(n)
	p.err = err
	if now := time.Now(); err != nil || now.Sub(p.told) > 50*time.Millisecond {
		p.told = now
		p.f.r.event(Event{Kind: DownloadBytes, Drv: p.f.drv, Done: p.done, Total: p.total})
	}
	return n, err
}

// authorize adds the password that the netrc file has for the host, if any.
func (r *Realiser) authorize(req *http.Request) error {
	if r.opts.Netrc == "" {
		return nil
	}
	text, err := os.ReadFile(r.opts.Netrc)
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, os.ErrPermission) {
		return nil
	}
	if err != nil {
		return err
	}
	if user, password, ok := netrcEntry(string(text), req.URL.Hostname()); ok {
		req.SetBasicAuth(user, password)
	}
	return nil
}

// netrcEntry finds the entry of a host, or the default one.
func netrcEntry(text, host string) (user, password string, ok bool) {
	words := strings.Fields(text)
	match := false
	for i := 0; i < len(words); i++ {
		next := ""
		if i+1 < len(words) {
			next = words[i+1]
		}
		switch words[i] {
		case "machine":
			if match {
				return user, password, true
			}
			match, user, password = next == host, "", ""
			i++
		case "default":
			if match {
				return user, password, true
			}
			match, user, password = true, "", ""
		case "login":
			user = next
			i++
		case "password":
			password = next
			i++
		case "account":
			i++
		}
	}
	return user, password, match
}
