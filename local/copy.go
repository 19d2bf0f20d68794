package local

import (
	"context"
	"fmt"
	"io"

	"github.com/seed192a40f6/glang/store"
	"github.com/seed192a40f6/glang/store/storepath"
)

// CopyOptions qualifies Copy.
type CopyOptions struct {
	// CheckSignatures refuses paths that are neither content-addressed nor
	// signed by a trusted key, as the setting require-sigs has it.
	CheckSignatures bool
	// Copied is told of each path that is copied; nil: nobody.
	Copied func(message string)
}

// Copy copies paths, which must be sorted with dependencies first, from one
// store to another that lacks them.
func Copy(ctx context.Context, src, dst *Session, paths []storepath.Path, o CopyOptions) error {
	for _, p := range paths {
		if err := ctx.Err(); err != nil {
			return err
		}
		if ok, err := dst.API.IsValid(p); err != nil {
			return err
		} else if ok {
			continue
		}
		info, err := src.API.PathInfo(p)
		if err != nil {
			return err
		}
		if o.CheckSignatures && dst.Store != nil {
			if err := checkSignatures(src, dst, info); err != nil {
				return err
			}
		}
		if o.Copied != nil {
			o.Copied(fmt.Sprintf("copying path '%s'...", src.Scheme.Print(p)))
		}
		if err := copyPath(src.API, dst.API, info, false); err != nil {
			return fmt.Errorf("copying path '%s': %w", src.Scheme.Print(p), err)
		}
	}
	return nil
}

// checkSignatures fails unless a path is content-addressed or signed by a
// trusted key, where the settings, or the address of the destination, ask for it.
func checkSignatures(src, dst *Session, info *store.PathInfo) error {
	required := src.Settings.Bool("require-sigs")
	if v, ok := dst.Ref.Params["require-sigs"]; ok {
		required = truth(v)
	}
	if !required || !info.CA.IsZero() || src.Ref.Params["trusted"] == "true" || src.Ref.Params["trusted"] == "1" {
		return nil
	}
	text, err := info.Fingerprint(src.Scheme)
	if err != nil {
		return err
	}
	if CountSignatures(src.Settings.Words("trusted-public-keys"), src.Settings.Words("secret-key-files"), text, info.Sigs) == 0 {
		return fmt.Errorf("cannot add path '%s' because it lacks a signature by a trusted key", src.Scheme.Print(info.Path))
	}
	return nil
}

func copyPath(src, dst store.API, info *store.PathInfo, repair bool) error {
	r, w := io.Pipe()
	done := make(chan error, 1)
	go func() {
		err := src.DumpNAR(info.Path, w)
		w.CloseWithError(err)
		done <- err
	}()
	c := *info
	c.Ultimate = false
	err := dst.AddNAR(&c, r, store.AddNAROptions{Repair: repair})
	r.CloseWithError(err)
	if derr := <-done; err == nil {
		err = derr
	}
	return err
}

// DependenciesFirst orders paths of a closure so that what a path refers to
// comes before it.
func DependenciesFirst(s store.API, paths []storepath.Path) ([]storepath.Path, error) {
	in := map[storepath.Path]bool{}
	for _, p := range paths {
		in[p] = true
	}
	done := map[storepath.Path]bool{}
	var out []storepath.Path
	var visit func(p storepath.Path) error
	visit = func(p storepath.Path) error {
		if done[p] {
			return nil
		}
		done[p] = true
		info, err := s.PathInfo(p)
		if err != nil {
			return err
		}
		for _, r := range info.References {
			if in[r] && r != p {
				if err := visit(r); err != nil {
					return err
				}
			}
		}
		out = append(out, p)
		return nil
	}
	for _, p := range paths {
		if err := visit(p); err != nil {
			return nil, err
		}
	}
	return out, nil
}
