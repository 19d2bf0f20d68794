//go:build unix

package fetch

import (
	"archive/tar"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/seed192a40f6/glang/realise"
	"github.com/seed192a40f6/glang/store/hash"
	"github.com/seed192a40f6/glang/store/storepath"
)

// entry is what is known of a download.
type entry struct {
	Path storepath.Path `json:"path"`
	// Tag is the server's name for the version, Time when it was last asked.
	Tag  string    `json:"tag,omitempty"`
	Time time.Time `json:"time"`
	// Modified is the latest change of a file in an archive, in seconds.
	Modified int64 `json:"modified,omitempty"`
}

// download makes sure that the store has what an address stands for. use
// puts a downloaded file into the store; it is not called if nothing changed.
// kind tells uses of one address apart.
func (f *Fetcher) download(ctx context.Context, address, kind string, use func(file string) (entry, error)) (entry, error) {
	note := filepath.Join(f.o.CacheDir, "downloads", hash.SumString(hash.SHA256, kind+"\x00"+address).Nix32()+".json")
	old, known := f.note(note)
	if known && time.Since(old.Time) < f.o.TTL && !strings.HasPrefix(address, "file:") {
		return old, nil
	}
	dir, err := f.tempDir()
	if err != nil {
		return entry{}, err
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "download")
	tag := ""
	if known {
		tag = old.Tag
	}
	newTag, changed, err := f.get(ctx, address, file, tag)
	if err != nil {
		if known && ctx.Err() == nil {
			f.o.Warn(fmt.Sprintf("%v; using cached version", err))
			return old, nil
		}
		return entry{}, err
	}
	e := old
	if changed {
		if e, err = use(file); err != nil {
			return entry{}, err
		}
	}
	e.Tag, e.Time = newTag, time.Now()
	if err := writeNote(note, e); err != nil {
		f.o.Warn(fmt.Sprintf("cannot remember the download of '%s': %v", address, err))
	}
	return e, nil
}

// note reads what is known of a download; it counts only while the store has it.
func (f *Fetcher) note(file string) (e entry, ok bool) {
	text, err := os.ReadFile(file)
	if err != nil || json.Unmarshal(text, &e) != nil || e.Path.IsZero() {
		return entry{}, false
	}
	if f.o.Store.AddTempRoot(e.Path) != nil {
		return entry{}, false
	}
	if ok, err := f.o.Store.IsValid(e.Path); err != nil || !ok {
		return entry{}, false
	}
	return e, true
}

func writeNote(file string, e entry) error {
	text, err := json.Marshal(e)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(file), "tmp-")
	if err != nil {
		return err
	}
	_, err = tmp.Write(text)
	if err = errors.Join(err, tmp.Close()); err == nil {
		err = os.Rename(tmp.Name(), file)
	}
	if err != nil {
		os.Remove(tmp.Name())
	}
	return err
}

// get downloads to a file. With a tag, changed is false if the server still
// has that version; nothing is written then.
func (f *Fetcher) get(ctx context.Context, address, file, tag string) (newTag string, changed bool, err error) {
	u, err := url.Parse(address)
	if err != nil {
		return "", false, fmt.Errorf("'%s' is not a valid URL: %w", address, err)
	}
	switch u.Scheme {
	case "file":
		return "", true, copyFile(ctx, u, file)
	case "http", "https":
	default:
		return "", false, fmt.Errorf("unable to download '%s': unsupported scheme '%s'", address, u.Scheme)
	}
	const attempts = 5
	for attempt := 1; ; attempt++ {
		var again bool
		newTag, changed, again, err = f.getHTTP(ctx, u, file, tag, nil)
		if err == nil || !again || attempt == attempts || ctx.Err() != nil {
			return newTag, changed, err
		}
		select {
		case <-ctx.Done():
			return "", false, ctx.Err()
		case <-time.After(f.pause << (attempt - 1)):
		}
	}
}

func copyFile(ctx context.Context, from *url.URL, to string) error {
	in, err := realise.OpenLocal(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	for err == nil {
		// In pieces, for it may be long; the kernel copies or shares them.
		if _, err = io.CopyN(out, in, 64<<20); err == nil {
			err = ctx.Err()
		}
	}
	if err == io.EOF {
		err = nil
	}
	return errors.Join(err, out.Close())
}

// getHTTP is one attempt; again tells that another may go better.
func (f *Fetcher) getHTTP(ctx context.Context, u *url.URL, file, tag string, header http.Header) (newTag string, changed, again bool, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return "", false, false, err
	}
	req.Header.Set("User-Agent", "glang")
	for k, v := range header {
		req.Header[k] = v
	}
	if tag != "" {
		req.Header.Set("If-None-Match", tag)
	}
	resp, err := f.o.Client.Do(req)
	if err != nil {
		return "", false, true, fmt.Errorf("unable to download '%s': %w", u, err)
	}
	defer resp.Body.Close()
	switch {
	case resp.StatusCode == http.StatusNotModified && tag != "":
		return tag, false, false, nil
	case resp.StatusCode != http.StatusOK:
		again = resp.StatusCode >= 500 || resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode == http.StatusRequestTimeout
		return "", false, again, fmt.Errorf("unable to download '%s': HTTP error %d", u, resp.StatusCode)
	}
	out, err := os.Create(file)
	if err != nil {
		return "", false, false, err
	}
	if _, err = io.Copy(out, resp.Body); err != nil {
		return "", false, true, errors.Join(fmt.Errorf("unable to download '%s': %w", u, err), out.Close())
	}
	return resp.Header.Get("ETag"), true, false, out.Close()
}

// tarball downloads and unpacks an archive. One folder that holds everything
// is left out.
func (f *Fetcher) tarball(ctx context.Context, address, name string) (entry, error) {
	return f.download(ctx, address, "tarball "+name, func(file string) (entry, error) {
		dir := filepath.Join(filepath.Dir(file), "tree")
		if err := os.Mkdir(dir, 0o755); err != nil {
			return entry{}, err
		}
		modified, err := unpack(ctx, file, dir)
		if err != nil {
			return entry{}, fmt.Errorf("failed to extract archive '%s': %w", address, err)
		}
		list, err := os.ReadDir(dir)
		if err != nil {
			return entry{}, err
		}
		if len(list) == 1 && list[0].IsDir() {
			dir = filepath.Join(dir, list[0].Name())
		}
		p, err := f.addTree(name, dir, nil)
		return entry{Path: p, Modified: modified}, err
	})
}

// unpack unpacks an archive and tells the latest change of what is in it.
func unpack(ctx context.Context, file, dir string) (modified int64, err error) {
	r, err := os.Open(file)
	if err != nil {
		return 0, err
	}
	defer r.Close()
	if isZip(r) {
		return unpackZip(ctx, r, dir)
	}
	if err := realise.UnpackTar(ctx, r, dir); err != nil {
		return 0, err
	}
	if _, err := r.Seek(0, io.SeekStart); err != nil {
		return 0, err
	}
	plain, err := realise.Decompress(r)
	if err != nil {
		return 0, err
	}
	defer plain.Close()
	for t := tar.NewReader(plain); ; {
		h, err := t.Next()
		if err == io.EOF {
			return modified, nil
		}
		if err != nil {
			return 0, err
		}
		if h.Typeflag != tar.TypeXGlobalHeader {
			modified = max(modified, h.ModTime.Unix())
		}
	}
}

func (f *Fetcher) tarballTree(ctx context.Context, in input, locked map[string]any) (storepath.Path, error) {
	e, err := f.tarball(ctx, in.text("url"), in.name())
	if err != nil {
		return storepath.Path{}, err
	}
	if _, ok := in.Attrs["lastModified"]; !ok {
		locked["lastModified"] = e.Modified
	}
	return e.Path, nil
}
