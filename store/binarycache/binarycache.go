// Package binarycache reads and writes binary caches: directories, local or
// behind a web server, that hold store objects as compressed archives.
//
// A cache has these files:
//
//	nix-cache-info      store directory and priority
//	HASH.narinfo        what a store path is: see [NarInfo]
//	nar/FILEHASH.nar.xz its archive
//	HASH.ls             a listing of the archive, if wanted
//	log/NAME.drv        a build log, if there is one
//
// Whoever can write to a cache, or stands between it and us, can put anything
// there. So what is read is a [Claim], which tells nothing but the path that
// it is about; [Claim.Verify] makes a NarInfo of it if it bears a signature
// by a trusted key, or if the path follows from the contents. Archives are
// checked against the NarInfo by the store that takes them.
package binarycache

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/seed192a40f6/glang/store"
	"github.com/seed192a40f6/glang/store/hash"
	"github.com/seed192a40f6/glang/store/nar"
	"github.com/seed192a40f6/glang/store/storepath"
)

// ErrNotFound is what errors about files that a cache does not have match.
var ErrNotFound = errors.New("not in the binary cache")

const infoFile = "nix-cache-info"

// maxText limits the small files of a cache, in bytes.
const maxText = 4 << 20

// Options say how to use a cache. Parameters of its address come first.
type Options struct {
	// Scheme is that of the store whose paths are wanted.
	Scheme storepath.Scheme
	// HTTP is the client for web addresses; nil for the default one.
	HTTP *http.Client
	// Retries is how often a request that failed in passing is made; 0 is 5.
	Retries int
	// Compression of what is written: "none", "xz", "bzip2", "zstd",
	// "br" or "gzip"; "" is xz. Level is its level, 0 the default.
	Compression string
	Level       int
	// SecretKeys sign what is written.
	SecretKeys []SecretKey
	// WriteListing has listings written beside the archives.
	WriteListing bool
	// TempDir is where archives are prepared; "" is the system's.
	TempDir string
}

// Cache is a binary cache. It is safe for use by several goroutines.
type Cache struct {
	address string
	backend backend
	opts    Options
	level   int // of compression; below 0: the default

	// Priority orders caches, the smallest first. WantMassQuery says that
	// many questions are welcome, and Trusted, a parameter of the address,
	// that its claims need no signature.
	Priority      int
	WantMassQuery bool
	Trusted       bool

	initOnce sync.Mutex
	inited   bool
	fixed    map[string]bool // set by the address, not by the cache
}

// backend is where the files of a cache are.
type backend interface {
	// get opens a file; size is -1 if unknown. The error matches ErrNotFound
	// if there is no such file.
	get(ctx context.Context, name string) (r io.ReadCloser, size int64, err error)
	// put makes a file, all at once.
	put(ctx context.Context, name string, r io.ReadSeeker, size int64, mime string) error
	exists(ctx context.Context, name string) (bool, error)
}

// IsAddress tells whether Open understands the address.
func IsAddress(address string) bool {
	return strings.HasPrefix(address, "file://") || strings.HasPrefix(address, "http://") || strings.HasPrefix(address, "https://")
}

// Open gives access to the cache at an address, file://, http:// or https://,
// whose parameters after "?" are those of the reference: compression,
// compression-level, priority, want-mass-query, trusted, write-nar-listing,
// secret-key, secret-keys. It touches nothing yet.
func Open(address string, o Options) (*Cache, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, fmt.Errorf("'%s' is not a valid URL", address)
	}
	c := &Cache{opts: o, level: o.Level, Priority: 50, fixed: make(map[string]bool)}
	if o.Level == 0 {
		c.level = -1
	}
	if err := c.parameters(u.Query()); err != nil {
		return nil, fmt.Errorf("binary cache '%s': %w", address, err)
	}
	u.RawQuery = ""
	c.address = strings.TrimSuffix(u.String(), "/")
	switch u.Scheme {
	case "file":
		c.backend = &fileBackend{dir: filepath.Clean(u.Path)}
	case "http", "https":
		client := o.HTTP
		if client == nil {
			client = http.DefaultClient
		}
		retries := o.Retries
		if retries <= 0 {
			retries = 5
		}
		c.backend = &httpBackend{base: c.address, client: client, retries: retries}
	default:
		return nil, fmt.Errorf("'%s' is no address of a binary cache", address)
	}
	if c.opts.Compression == "" {
		c.opts.Compression = "xz"
	}
	if _, ok := extensions[c.opts.Compression]; !ok {
		return nil, fmt.Errorf("unknown compression method '%s'", c.opts.Compression)
	}
	return c, nil
}

func (c *Cache) parameters(query url.Values) error {
	for name, values := range query {
		value := values[len(values)-1]
		var err error
		switch name {
		case "compression":
			c.opts.Compression = value
		case "compression-level":
			c.level, err = strconv.Atoi(value)
		case "priority":
			c.Priority, err = strconv.Atoi(value)
			c.fixed[name] = true
		case "want-mass-query":
			c.WantMassQuery, err = parseBool(value)
			c.fixed[name] = true
		case "trusted":
			c.Trusted, err = parseBool(value)
		case "write-nar-listing":
			c.opts.WriteListing, err = parseBool(value)
		case "secret-key":
			err = c.addKey(value)
		case "secret-keys":
			for _, name := range strings.Split(value, ",") {
				if err == nil && name != "" {
					err = c.addKey(name)
				}
			}
		}
		if err != nil {
			return fmt.Errorf("parameter '%s': %w", name, err)
		}
	}
	return nil
}

// addKey reads a secret key from a file.
func (c *Cache) addKey(name string) error {
	text, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	key, err := ParseSecretKey(string(text))
	if err != nil {
		return err
	}
	c.opts.SecretKeys = append(slices.Clip(c.opts.SecretKeys), key)
	return nil
}

func parseBool(s string) (bool, error) {
	switch s {
	case "true", "yes", "1":
		return true, nil
	case "false", "no", "0", "":
		return false, nil
	}
	return false, fmt.Errorf("'%s' is no truth value", s)
}

// Name is the address without parameters.
func (c *Cache) Name() string { return c.address }

// Init reads what the cache says of itself, once. If create is true and it
// says nothing, the cache is made.
func (c *Cache) Init(ctx context.Context, create bool) error {
	c.initOnce.Lock()
	defer c.initOnce.Unlock()
	if c.inited {
		return nil
	}
	text, err := c.Get(ctx, infoFile)
	if errors.Is(err, ErrNotFound) {
		if !create {
			return fmt.Errorf("'%s' does not appear to be a binary cache", c.address)
		}
		if b, ok := c.backend.(*fileBackend); ok {
			if err := b.makeDirs(); err != nil {
				return err
			}
		}
		text := "StoreDir: " + c.opts.Scheme.Dir + "\n"
		if err := c.Put(ctx, infoFile, text, "text/x-nix-cache-info"); err != nil {
			return err
		}
		c.inited = true
		return nil
	}
	if err != nil {
		return err
	}
	for _, line := range strings.Split(text, "\n") {
		name, value, ok := strings.Cut(line, ":")
		if !ok {
			continue
		}
		value = strings.TrimSpace(value)
		switch name {
		case "StoreDir":
			if value != c.opts.Scheme.Dir {
				return fmt.Errorf("binary cache '%s' is for Nix stores with prefix '%s', not '%s'", c.address, value, c.opts.Scheme.Dir)
			}
		case "WantMassQuery":
			if !c.fixed["want-mass-query"] {
				c.WantMassQuery = value == "1"
			}
		case "Priority":
			n, err := strconv.Atoi(value)
			if err != nil {
				return fmt.Errorf("binary cache '%s' has the priority '%s', which is no number", c.address, value)
			}
			if !c.fixed["priority"] {
				c.Priority = n
			}
		}
	}
	c.inited = true
	return nil
}

// WantsMassQuery asks the cache whether many questions are welcome.
func (c *Cache) WantsMassQuery(ctx context.Context) (bool, error) {
	if err := c.Init(ctx, false); err != nil {
		return false, err
	}
	return c.WantMassQuery, nil
}

// Get reads a small file of the cache.
func (c *Cache) Get(ctx context.Context, name string) (string, error) {
	r, _, err := c.backend.get(ctx, name)
	if err != nil {
		return "", err
	}
	defer r.Close()
	b, err := io.ReadAll(io.LimitReader(r, maxText+1))
	if err != nil {
		return "", err
	}
	if len(b) > maxText {
		return "", fmt.Errorf("file '%s' in binary cache '%s' is too large", name, c.address)
	}
	return string(b), nil
}

// Put makes a small file in the cache.
func (c *Cache) Put(ctx context.Context, name, text, mime string) error {
	return c.backend.put(ctx, name, strings.NewReader(text), int64(len(text)), mime)
}

func narinfoFile(p storepath.Path) string { return p.HashPart() + ".narinfo" }

// Has tells whether the cache claims to have a path.
func (c *Cache) Has(ctx context.Context, p storepath.Path) (bool, error) {
	return c.backend.exists(ctx, narinfoFile(p))
}

// Lookup reads what the cache claims about a path; the error matches
// ErrNotFound if it claims nothing.
func (c *Cache) Lookup(ctx context.Context, p storepath.Path) (*Claim, error) {
	if err := c.Init(ctx, false); err != nil {
		return nil, err
	}
	text, err := c.Get(ctx, narinfoFile(p))
	if err != nil {
		return nil, err
	}
	claim, err := ParseNarInfo(c.opts.Scheme, text, c.address+"/"+narinfoFile(p))
	if err != nil {
		return nil, err
	}
	if claim.Path() != p {
		if claim.Path().HashPart() == p.HashPart() {
			return nil, fmt.Errorf("path '%s' is known to binary cache '%s' as '%s': %w", c.opts.Scheme.Print(p), c.address, claim.Path(), ErrNotFound)
		}
		return nil, fmt.Errorf("NAR info file '%s' is about '%s'", c.address+"/"+narinfoFile(p), claim.Path())
	}
	claim.trusted = c.Trusted
	return claim, nil
}

// NAR opens the archive of a path. progress, if it is not nil, is told how
// many bytes of the download have come, of how many (0: unknown).
func (c *Cache) NAR(ctx context.Context, info *NarInfo, progress func(done, total int64)) (io.ReadCloser, error) {
	r, size, err := c.backend.get(ctx, info.URL)
	if errors.Is(err, ErrNotFound) {
		return nil, fmt.Errorf("file '%s' does not exist in binary cache '%s': %w", info.URL, c.address, err)
	}
	if err != nil {
		return nil, err
	}
	in := io.Reader(r)
	if progress != nil {
		if size < 0 {
			size = info.FileSize
		}
		in = &progressReader{r: r, total: max(size, 0), tell: progress}
	}
	out, err := decompress(in, info.Compression)
	if err != nil {
		r.Close()
		return nil, fmt.Errorf("file '%s' in binary cache '%s': %w", info.URL, c.address, err)
	}
	return &narReader{Reader: out, close: r.Close}, nil
}

type narReader struct {
	io.Reader
	close func() error
}

func (r *narReader) Close() error {
	if c, ok := r.Reader.(interface{ Close() }); ok {
		c.Close()
	}
	return r.close()
}

type progressReader struct {
	r           io.Reader
	done, total int64
	tell        func(done, total int64)
}

func (p *progressReader) Read(b []byte) (int, error) {
	n, err := p.r.Read(b)
	p.done += int64(n)
	p.tell(p.done, p.total)
	return n, err
}

// CopyTo adds the path to a store, in which its references are valid.
func (c *Cache) CopyTo(ctx context.Context, dst store.API, info *NarInfo, o store.AddNAROptions, progress func(done, total int64)) error {
	r, err := c.NAR(ctx, info, progress)
	if err != nil {
		return err
	}
	defer r.Close()
	path := info.PathInfo
	path.Ultimate = false
	return dst.AddNAR(&path, r, o)
}

// Add puts a path into the cache: dump writes its archive. The references
// must be there already. Unless repair is true, what is there stays.
func (c *Cache) Add(ctx context.Context, info *store.PathInfo, dump func(io.Writer) error, repair bool) error {
	if err := c.Init(ctx, true); err != nil {
		return err
	}
	if !repair {
		if ok, err := c.Has(ctx, info.Path); ok || err != nil {
			return err
		}
	}
	for _, ref := range info.References {
		if ref == info.Path {
			continue
		}
		if ok, err := c.Has(ctx, ref); err != nil {
			return err
		} else if !ok {
			return fmt.Errorf("cannot add '%s' to the binary cache because the reference '%s' is not valid", c.opts.Scheme.Print(info.Path), c.opts.Scheme.Print(ref))
		}
	}
	f, err := os.CreateTemp(c.opts.TempDir, "glang-nar-")
	if err != nil {
		return err
	}
	defer f.Close()
	os.Remove(f.Name()) // it needs no name any more
	ni, listing, err := c.prepare(f, info, dump)
	if err != nil {
		return err
	}
	if c.opts.WriteListing {
		text := `{"root":` + listing + `,"version":1}`
		if err := c.Put(ctx, info.Path.HashPart()+".ls", text, "application/json"); err != nil {
			return err
		}
	}
	there, err := c.backend.exists(ctx, ni.URL)
	if err != nil {
		return err
	}
	if repair || !there {
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			return err
		}
		if err := c.backend.put(ctx, ni.URL, f, ni.FileSize, "application/x-nix-nar"); err != nil {
			return err
		}
	}
	if err := ni.Sign(c.opts.Scheme, c.opts.SecretKeys); err != nil {
		return err
	}
	return c.Put(ctx, narinfoFile(info.Path), ni.Format(c.opts.Scheme), "text/x-nix-narinfo")
}

// prepare writes the compressed archive to f, checks it, and describes it.
func (c *Cache) prepare(f *os.File, info *store.PathInfo, dump func(io.Writer) error) (*NarInfo, string, error) {
	fileHash := hash.New(hash.SHA256)
	narHash := hash.New(c.opts.Scheme.Hash)
	zw, err := compress(io.MultiWriter(f, fileHash), c.opts.Compression, c.level)
	if err != nil {
		return nil, "", err
	}
	listing := func(r io.Reader) (string, error) {
		n, err := nar.List(r)
		if err != nil {
			return "", err
		}
		b, err := n.MarshalJSON()
		return string(b), err
	}
	w := io.MultiWriter(zw, narHash)
	var list string
	if c.opts.WriteListing {
		pr, pw := io.Pipe()
		done := make(chan error, 1)
		go func() {
			var err error
			list, err = listing(pr)
			pr.CloseWithError(err)
			done <- err
		}()
		err = dump(io.MultiWriter(w, pw))
		pw.CloseWithError(err)
		if lerr := <-done; err == nil {
			err = lerr
		}
	} else {
		err = dump(w)
	}
	if err == nil {
		err = zw.Close()
	}
	if err != nil {
		return nil, "", err
	}
	if narHash.Sum() != info.NarHash {
		return nil, "", fmt.Errorf("hash of path '%s' has changed from '%s' to '%s'!", c.opts.Scheme.Print(info.Path),
			info.NarHash.Prefixed(hash.Nix32), narHash.Sum().Prefixed(hash.Nix32))
	}
	ni := &NarInfo{PathInfo: *info, Compression: c.opts.Compression, FileHash: fileHash.Sum(), FileSize: fileHash.Size()}
	ni.NarSize = narHash.Size()
	ni.URL = "nar/" + ni.FileHash.Nix32() + ".nar" + extensions[ni.Compression]
	return ni, list, nil
}

// AddSignatures adds signatures to a path that is in the cache.
func (c *Cache) AddSignatures(ctx context.Context, p storepath.Path, sigs []string) error {
	claim, err := c.Lookup(ctx, p)
	if err != nil {
		return err
	}
	ni := claim.info
	ni.addSigs(sigs...)
	return c.Put(ctx, narinfoFile(p), ni.Format(c.opts.Scheme), "text/x-nix-narinfo")
}

// Paths lists the paths that a cache in a directory claims to have.
func (c *Cache) Paths(ctx context.Context) ([]storepath.Path, error) {
	fb, ok := c.backend.(*fileBackend)
	if !ok {
		return nil, fmt.Errorf("operation 'queryAllValidPaths' is not supported by store '%s'", c.address)
	}
	names, err := filepath.Glob(filepath.Join(fb.dir, "*.narinfo"))
	if err != nil {
		return nil, err
	}
	var paths []storepath.Path
	for _, name := range names {
		text, err := c.Get(ctx, filepath.Base(name))
		if err != nil {
			return nil, err
		}
		claim, err := ParseNarInfo(c.opts.Scheme, text, name)
		if err != nil {
			return nil, err
		}
		paths = append(paths, claim.Path())
	}
	return paths, nil
}

// PathFromHashPart finds the path that a cache claims to have by its hash.
func (c *Cache) PathFromHashPart(ctx context.Context, part string) (storepath.Path, error) {
	text, err := c.Get(ctx, part+".narinfo")
	if err != nil {
		return storepath.Path{}, err
	}
	claim, err := ParseNarInfo(c.opts.Scheme, text, c.address+"/"+part+".narinfo")
	if err != nil {
		return storepath.Path{}, err
	}
	return claim.Path(), nil
}

// Log reads the log of a build.
func (c *Cache) Log(ctx context.Context, drv storepath.Path) (string, error) {
	r, _, err := c.backend.get(ctx, "log/"+drv.String())
	if err != nil {
		return "", err
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	return string(b), err
}

// AddLog puts the log of a build into the cache.
func (c *Cache) AddLog(ctx context.Context, drv storepath.Path, log string) error {
	return c.Put(ctx, "log/"+drv.String(), log, "text/plain; charset=utf-8")
}
