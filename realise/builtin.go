//go:build unix

package realise

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/seed192a40f6/glang/derivation"
	"github.com/seed192a40f6/glang/store"
	"github.com/seed192a40f6/glang/store/storepath"
)

// A BuiltinFunc is a builder that is part of this program. It makes the
// outputs and nothing else, and reads the inputs and nothing else; an error is
// the failure of the build, its text the last line of the log.
type BuiltinFunc func(ctx context.Context, b *BuiltinContext) error

// A BuiltinContext is what a built-in builder works with.
type BuiltinContext struct {
	Drv *derivation.Derivation
	// Outputs are file names on this machine at which to make the outputs: in
	// a private directory, not yet there.
	Outputs map[string]string
	// OutputPaths are the outputs' names in the store, to be written into them.
	OutputPaths map[string]string
	TmpDir      string    // an empty private directory
	Log         io.Writer // the log of the build
	Scheme      storepath.Scheme
	Cores       int

	b *build
}

// Attr is a variable of the derivation, with placeholders replaced.
func (c *BuiltinContext) Attr(name string) (string, error) {
	v, ok := c.Drv.Env[name]
	if !ok {
		return "", fmt.Errorf("attribute '%s' missing", name)
	}
	return c.b.scratch.Replace(c.b.rewriteInputs(v)), nil
}

// AttrOr is a variable of the derivation, or else def.
func (c *BuiltinContext) AttrOr(name, def string) string {
	if v, err := c.Attr(name); err == nil {
		return v
	}
	return def
}

// Input is the file name on this machine of a path inside a store object that
// the derivation has as input. Anything else is an error.
func (c *BuiltinContext) Input(path string) (string, error) {
	p, rest, err := c.Scheme.ToStorePath(path)
	if err != nil {
		return "", err
	}
	for _, in := range c.b.inputs {
		if in == p {
			return c.b.r.store.RealPath(p) + rest, nil
		}
	}
	return "", fmt.Errorf("'%s' is not among the inputs of the derivation", path)
}

// Store is the store that is built for.
func (c *BuiltinContext) Store() *store.Store { return c.b.r.store }

// ownBuiltins are those of the reference.
func ownBuiltin(name string) BuiltinFunc {
	switch name {
	case "fetchurl":
		return builtinFetchurl
	case "buildenv":
		return builtinBuildenv
	case "unpack-channel":
		return builtinUnpackChannel
	}
	return nil
}

// builtin runs a built-in builder.
func (b *build) builtin(name string, log *buildLog) error {
	f := b.r.opts.Builtins[name]
	if f == nil {
		f = ownBuiltin(name)
	}
	if f == nil {
		f = func(context.Context, *BuiltinContext) error {
			return fmt.Errorf("unsupported builtin builder '%s'", name)
		}
	}
	c := &BuiltinContext{
		Drv: b.drv, Outputs: map[string]string{}, OutputPaths: map[string]string{},
		TmpDir: b.room.Build(), Log: log, Scheme: b.r.scheme, Cores: b.r.opts.Cores, b: b,
	}
	for _, o := range b.outputs {
		c.Outputs[o.name] = filepath.Join(b.room.Store(), o.scratch.String())
		c.OutputPaths[o.name] = b.r.print(o.scratch)
	}
	ctx := b.ctx
	if t := b.r.opts.Timeout; t > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, t, b.r.failf(TimedOut, b.path, "timed out after %d seconds", int(t.Seconds())))
		defer cancel()
	}
	err := f(ctx, c)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	// Further lines stand under the first, as in any error of the reference.
	text := strings.ReplaceAll(strings.ReplaceAll(err.Error(), "\n", "\n       "), "\n       \n", "\n\n")
	if _, err := fmt.Fprintf(log, "error: %s\n", text); err != nil {
		return err
	}
	failure := b.failed("failed with exit code 1", 1, 0, log)
	var be *BuildError
	if errors.As(failure, &be) && be.Cause == nil {
		be.Cause = err // callers look for a FileConflict
	}
	return failure
}
