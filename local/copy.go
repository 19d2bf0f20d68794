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
		if o.CheckSignatures && src.Settings.Bool("require-sigs") && info.CA.IsZero() {
			text, err := info.Fingerprint(src.Scheme)
			if err != nil {
				return err
			}
			if CountSignatures(src.Settings.Words("trusted-public-keys"), src.Settings.Words("secret-key-files"), text, info.Sigs) == 0 {
				return fmt.Errorf("cannot add path '%s' because it lacks a signature by a trusted key", src.Scheme.Print(p))
			}
		}
		if o.Copied != nil {
			o.Copied(fmt.Sprintf("copying path '%s'...", src.Scheme.Print(p)))
		}
		if err := copyPath(src.API, dst.API, info); err != nil {
			return fmt.Errorf("copying path '%s': %w", src.Scheme.Print(p), err)
		}
	}
	return nil
}

func copyPath(src, dst store.API, info *store.PathInfo) error {
	r, w := io.Pipe()
	done := make(chan error, 1)
	go func() {
		err := src.DumpNAR(info.Path, w)
		w.CloseWithError(err)
		done <- err
	}()
	c := *info
	c.Ultimate = false
	err := dst.AddNAR(&c, r, store.AddNAROptions{})
	r.CloseWithError(err)
	if derr := <-done; err == nil {
		err = derr
	}
	return err
}
