package local

import (
	"context"
	"fmt"
	"strings"

	"github.com/seed192a40f6/glang/lang/eval"
	"github.com/seed192a40f6/glang/store"
	"github.com/seed192a40f6/glang/store/storepath"
)

// closures lets an evaluator fetch closures into the session's store.
type closures struct {
	s    *Session
	info func(message string) // nil: nobody is told
}

func (c closures) tell(format string, args ...any) {
	if c.info != nil {
		c.info(fmt.Sprintf(format, args...))
	}
}

var _ eval.ClosureStore = closures{}

func (c closures) IsValid(_ context.Context, p storepath.Path) (bool, error) {
	return c.s.API.IsValid(p)
}

func (c closures) ContentAddressed(_ context.Context, p storepath.Path) (bool, error) {
	info, err := c.s.API.PathInfo(p)
	if err != nil {
		return false, err
	}
	return !info.CA.IsZero(), nil
}

func (c closures) CopyClosure(ctx context.Context, from string, p storepath.Path) error {
	src, err := Open(c.s.Settings, c.s.Dirs, c.s.Env, from, nil)
	if err != nil {
		return err
	}
	defer src.Close()
	paths, err := src.API.Closure([]storepath.Path{p}, store.ClosureOptions{})
	if err != nil {
		return err
	}
	if paths, err = DependenciesFirst(src.API, paths); err != nil {
		return err
	}
	missing := 0
	for _, p := range paths {
		if ok, err := c.s.API.IsValid(p); err != nil {
			return err
		} else if !ok {
			missing++
		}
	}
	c.tell("copying %d paths...", missing)
	return Copy(ctx, src, c.s, paths, CopyOptions{CheckSignatures: true, Copied: func(message string) {
		c.tell("%s from '%s'...", strings.TrimSuffix(message, "..."), from)
	}})
}

func (c closures) RewriteClosure(_ context.Context, from string, p storepath.Path) (storepath.Path, error) {
	src, err := Open(c.s.Settings, c.s.Dirs, c.s.Env, from, nil)
	if err != nil {
		return storepath.Path{}, err
	}
	defer src.Close()
	made, err := store.MakeContentAddressed(src.API, c.s.API, []storepath.Path{p}, func(from, to storepath.Path) {
		c.tell("rewriting '%s' to '%s'", c.s.Scheme.Print(from), c.s.Scheme.Print(to))
	})
	if err != nil {
		return storepath.Path{}, err
	}
	return made[p], nil
}
