package binarycache

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// fileBackend is a cache in a directory.
type fileBackend struct{ dir string }

// path is where a file of the cache is. A name that a cache made up must not
// lead out of it.
func (b *fileBackend) path(name string) (string, error) {
	if !filepath.IsLocal(name) {
		return "", fmt.Errorf("'%s' is no name of a file in a binary cache", name)
	}
	return filepath.Join(b.dir, name), nil
}

// makeDirs makes the directories of a new cache.
func (b *fileBackend) makeDirs() error {
	for _, name := range []string{"nar", "log", "realisations"} {
		if err := os.MkdirAll(filepath.Join(b.dir, name), 0o777); err != nil {
			return err
		}
	}
	return nil
}

func (b *fileBackend) get(_ context.Context, name string) (io.ReadCloser, int64, error) {
	path, err := b.path(name)
	if err != nil {
		return nil, 0, err
	}
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, 0, fmt.Errorf("file '%s' does not exist in binary cache 'file://%s': %w", name, b.dir, ErrNotFound)
	}
	if err != nil {
		return nil, 0, err
	}
	fi, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, 0, err
	}
	return f, fi.Size(), nil
}

func (b *fileBackend) exists(_ context.Context, name string) (bool, error) {
	path, err := b.path(name)
	if err != nil {
		return false, err
	}
	_, err = os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// put writes a temporary file and renames it, so that no reader and no crash
// sees half of it.
func (b *fileBackend) put(_ context.Context, name string, r io.ReadSeeker, _ int64, _ string) error {
	path, err := b.path(name)
	if err != nil {
		return err
	}
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, ".tmp-")
	if err != nil {
		return err
	}
	_, err = io.Copy(f, r)
	if err == nil {
		err = f.Chmod(0o644)
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return err
}

// httpBackend is a cache behind a web server, which takes files by PUT if it
// takes any.
type httpBackend struct {
	base    string
	client  *http.Client
	retries int
}

// url is the address of a file; a .narinfo may name an absolute one.
func (b *httpBackend) url(name string) string {
	if strings.HasPrefix(name, "https://") || strings.HasPrefix(name, "http://") {
		return name
	}
	return b.base + "/" + name
}

// do makes a request, again if it fails in passing: the network, overload,
// or the server's own trouble.
func (b *httpBackend) do(ctx context.Context, method, name string, body io.ReadSeeker, size int64, mime string) (*http.Response, error) {
	url := b.url(name)
	delay := 250 * time.Millisecond
	for attempt := 1; ; attempt++ {
		resp, err := b.once(ctx, method, url, body, size, mime)
		var passing bool
		switch {
		case err != nil:
			passing = ctx.Err() == nil
			err = fmt.Errorf("unable to %s '%s': %w", verb(method), url, err)
		case resp.StatusCode < 300:
			return resp, nil
		default:
			resp.Body.Close()
			switch code := resp.StatusCode; code {
			case http.StatusNotFound, http.StatusForbidden, http.StatusGone:
				if method != http.MethodPut {
					return nil, fmt.Errorf("file '%s' does not exist in binary cache '%s': %w", name, b.base, ErrNotFound)
				}
			case http.StatusTooManyRequests, http.StatusRequestTimeout:
				passing = true
			default:
				passing = code >= 500 && code != http.StatusNotImplemented && code != http.StatusHTTPVersionNotSupported
			}
			err = fmt.Errorf("unable to %s '%s': HTTP error %d", verb(method), url, resp.StatusCode)
		}
		if !passing || attempt >= b.retries {
			return nil, err
		}
		select {
		case <-time.After(delay):
			delay *= 2
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (b *httpBackend) once(ctx context.Context, method, url string, body io.ReadSeeker, size int64, mime string) (*http.Response, error) {
	var reader io.Reader
	if body != nil {
		if _, err := body.Seek(0, io.SeekStart); err != nil {
			return nil, err
		}
		reader = io.NopCloser(body) // the client would close a file
	}
	req, err := http.NewRequestWithContext(ctx, method, url, reader)
	if err != nil {
		return nil, err
	}
	if body != nil {
		req.ContentLength = size
		req.Header.Set("Content-Type", mime)
	}
	return b.client.Do(req)
}

func verb(method string) string {
	if method == http.MethodPut {
		return "upload"
	}
	return "download"
}

func (b *httpBackend) get(ctx context.Context, name string) (io.ReadCloser, int64, error) {
	resp, err := b.do(ctx, http.MethodGet, name, nil, 0, "")
	if err != nil {
		return nil, 0, err
	}
	return resp.Body, resp.ContentLength, nil
}

func (b *httpBackend) exists(ctx context.Context, name string) (bool, error) {
	resp, err := b.do(ctx, http.MethodHead, name, nil, 0, "")
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, resp.Body.Close()
}

func (b *httpBackend) put(ctx context.Context, name string, r io.ReadSeeker, size int64, mime string) error {
	resp, err := b.do(ctx, http.MethodPut, name, r, size, mime)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}
