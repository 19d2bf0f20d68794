package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/seed192a40f6/glang/local"
	"github.com/seed192a40f6/glang/store/hash"
	"github.com/seed192a40f6/glang/store/nar"
	"github.com/seed192a40f6/glang/store/storepath"
)

func (a *app) hashCommand() *cobra.Command {
	return a.family(groupUtility, "hash", "compute and convert cryptographic hashes",
		a.hashConvert(), a.hashPath("path", storepath.NAR), a.hashPath("file", storepath.Flat),
		a.hashTo("to-base16", hash.Base16), a.hashTo("to-base32", hash.Nix32),
		a.hashTo("to-base64", hash.Base64), a.hashTo("to-sri", hash.SRI))
}

func (f *flagSet) algo(p *hash.Algo, name, doc string) *flag {
	return f.call(name, doc, []string{"hash-algo"}, func(w []string) (err error) {
		*p, err = hash.ParseAlgo(w[0])
		return err
	})
}

func (a *app) formatFlag(f *flagSet, p *hash.Format, given *bool, name, doc string) *flag {
	return f.call(name, doc, []string{"hash-format"}, func(w []string) error {
		h, deprecated, err := hash.ParseFormat(w[0])
		if err != nil {
			return err
		}
		if deprecated {
			a.warnf("\"%s\" is a deprecated alias for hash format \"%s\".", w[0], h)
		}
		*p = h
		if given != nil {
			*given = true
		}
		return nil
	})
}

func (f *flagSet) mode(p *storepath.Method, name string) *flag {
	return f.call(name, "how files are hashed: flat, nar or git", []string{"mode"}, func(w []string) (err error) {
		*p, err = storepath.ParseMethod(w[0])
		return err
	})
}

func (f *flagSet) formats(p *hash.Format) {
	for _, x := range []struct {
		name string
		f    hash.Format
	}{{"sri", hash.SRI}, {"base64", hash.Base64}, {"base32", hash.Nix32}, {"base16", hash.Base16}} {
		f.call(x.name, "print the hash in "+x.name, nil, func([]string) error { *p = x.f; return nil })
	}
}

func (a *app) hashPath(name string, mode storepath.Method) *cobra.Command {
	short := "print the hash of the archive of a path"
	if mode == storepath.Flat {
		short = "print the hash of a file's contents"
	}
	return a.command("", name+" PATH...", short, "", func(f *flagSet) func() error {
		algo, format := hash.SHA256, hash.SRI
		if !a.asNix {
			algo = hash.BLAKE3
		}
		f.formats(&format)
		f.algo(&algo, "type", "hash algorithm: blake3, md5, sha1, sha256 or sha512")
		if mode != storepath.Flat {
			f.algo(&algo, "algo", "hash algorithm: blake3, md5, sha1, sha256 or sha512")
			f.mode(&mode, "mode")
			a.formatFlag(f, &format, nil, "format", "base16, nix32, base64 or sri")
		}
		return func() error { return a.hashPaths(f.args, mode, algo, format, false) }
	})
}

// hashPaths prints the hash of each path.
func (a *app) hashPaths(paths []string, mode storepath.Method, algo hash.Algo, format hash.Format, truncate bool) error {
	if err := a.needBlake3(algo); err != nil {
		return err
	}
	for _, p := range paths {
		var h hash.Hash
		var err error
		switch mode {
		case storepath.Flat:
			h, err = hashFile(algo, p)
		case storepath.NAR:
			h, _, err = nar.HashTree(algo, a.files(), canonicalParent(p), nil)
		default:
			err = fmt.Errorf("hashing in the mode '%s' is not supported here", mode)
		}
		if err != nil {
			return err
		}
		if truncate && algo.Size() > 20 {
			a.println(formatDigest(hash.Compress(h, 20), format))
			continue
		}
		a.println(h.Format(format))
	}
	return nil
}

func hashFile(algo hash.Algo, name string) (hash.Hash, error) {
	file, err := os.Open(name)
	if err != nil {
		return hash.Hash{}, sysError("opening file", name, err)
	}
	defer file.Close()
	h, _, err := hash.Copy(algo, file)
	return h, err
}

// formatDigest writes 20 bytes of a folded hash, which is no hash itself.
func formatDigest(b []byte, format hash.Format) string {
	h, err := hash.FromBytes(hash.SHA1, b)
	if err != nil {
		return ""
	}
	return h.Format(format)
}

// canonicalParent resolves symbolic links in all of a path but its last part.
func canonicalParent(p string) string {
	abs, err := filepath.Abs(p)
	if err != nil {
		return p
	}
	dir, err := filepath.EvalSymlinks(filepath.Dir(abs))
	if err != nil {
		return abs
	}
	return filepath.Join(dir, filepath.Base(abs))
}

// needBlake3 asks for the feature that the reference wants for BLAKE3.
func (a *app) needBlake3(algo hash.Algo) error {
	if algo == hash.BLAKE3 && a.asNix && !a.settings.FeatureEnabled("blake3-hashes") {
		return local.MissingFeature("blake3-hashes")
	}
	return nil
}

func (a *app) hashTo(name string, format hash.Format) *cobra.Command {
	return a.command("", name+" HASH...", "convert a hash to "+format.String(), "", func(f *flagSet) func() error {
		var algo hash.Algo
		f.algo(&algo, "type", "hash algorithm")
		return func() error {
			a.warn("The old format conversion subcommands of `nix hash` were deprecated in favor of `nix hash convert`.")
			return a.convertHashes(f.args, algo, format)
		}
	})
}

func (a *app) convertHashes(words []string, algo hash.Algo, format hash.Format) error {
	for _, w := range words {
		h, err := hash.ParseAny(w, algo)
		if err != nil {
			return err
		}
		a.println(h.Format(format))
	}
	return nil
}

func (a *app) hashConvert() *cobra.Command {
	return a.command("", "convert HASH...", "convert between hash formats", "", func(f *flagSet) func() error {
		var algo hash.Algo
		from, to, haveFrom := hash.SRI, hash.SRI, false
		a.formatFlag(f, &from, &haveFrom, "from", "the format that must be given")
		a.formatFlag(f, &to, nil, "to", "base16, nix32, base64 or sri (default)")
		f.algo(&algo, "hash-algo", "hash algorithm, if the hash does not say")
		return func() error {
			for _, w := range f.args {
				h, got, err := hash.ParseAnyFormat(w, algo)
				if err != nil {
					return err
				}
				if haveFrom && from != got {
					return fmt.Errorf("input hash '%s' has format '%s', but '--from %s' was specified", w, got, from)
				}
				if err := a.needBlake3(h.Algo()); err != nil {
					return err
				}
				a.println(h.Format(to))
			}
			return nil
		}
	})
}

// nixHash is nix-hash.
func nixHash(a *app, args []string) error {
	f := a.oldFlags()
	algo, format := hash.MD5, hash.Base16
	var given hash.Algo
	flat, truncate, convert := false, false, false
	f.boolean(&flat, "flat", "hash the contents of files")
	f.formats(&format)
	f.boolean(&truncate, "truncate", "fold the hash to 160 bits")
	f.algo(&given, "type", "hash algorithm")
	for name, to := range map[string]hash.Format{"to-base16": hash.Base16, "to-base32": hash.Nix32, "to-base64": hash.Base64, "to-sri": hash.SRI} {
		f.call(name, "convert hashes", nil, func([]string) error { convert, format = true, to; return nil })
	}
	if done, err := a.parseOld(f, args); done || err != nil {
		return err
	}
	if convert {
		return a.convertHashes(f.args, given, format)
	}
	if given != 0 {
		algo = given
	}
	mode := storepath.NAR
	if flat {
		mode = storepath.Flat
	}
	return a.hashPaths(f.args, mode, algo, format, truncate)
}
