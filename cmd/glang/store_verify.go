package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/seed192a40f6/glang/local"
	"github.com/seed192a40f6/glang/store/hash"
	"github.com/seed192a40f6/glang/store/storepath"
)

func (a *app) storeVerify() *cobra.Command {
	return a.command("", "verify PATH...", "check contents and signatures of store paths", "", func(f *flagSet) func() error {
		args := a.storePathFlags(f, false)
		v := &verification{app: a}
		f.boolean(&v.noContents, "no-contents", "do not read the contents")
		f.boolean(&v.noTrust, "no-trust", "do not check signatures")
		f.texts(&v.substituters, "substituter,s", "store-uri", "take signatures from this store as well")
		f.call("sigs-needed,n", "how many signatures are needed", []string{"n"}, func(w []string) error {
			n, ok := local.ParseSize(w[0])
			if !ok {
				return usagef("'%s' is not an integer", w[0])
			}
			v.needed = int(n)
			return nil
		})
		return func() error {
			if !a.asNix && len(f.args) == 0 {
				args.all = true
			}
			paths, err := a.argPaths(args, f.args, false)
			if err != nil {
				return err
			}
			return v.run(a.context(), paths)
		}
	})
}

// verification checks paths one by one.
type verification struct {
	app                 *app
	noContents, noTrust bool
	substituters        []string
	needed              int
}

func (v *verification) run(ctx context.Context, paths []storepath.Path) error {
	a := v.app
	api := a.session.API
	show := a.session.Scheme.Print
	status := 0
	complain := func(bit int, format string, args ...any) {
		status |= bit
		a.progress.print(fmt.Sprintf(format, args...))
	}
	for _, p := range paths {
		if err := ctx.Err(); err != nil {
			return err
		}
		info, err := api.PathInfo(p)
		if err != nil {
			a.printError(err)
			status |= 4
			continue
		}
		a.logf(levelInfo, "checking '%s'...", show(p))
		if !v.noContents {
			h := hash.New(info.NarHash.Algo())
			if err := api.DumpNAR(p, h); err != nil {
				a.printError(err)
				status |= 4
				continue
			}
			if got := h.Sum(); got != info.NarHash {
				complain(1, "path '%s' was modified! expected hash '%s', got '%s'", show(p), info.NarHash, got)
			}
		}
		if !v.noTrust && !(info.Ultimate && v.needed == 0) && a.signatures(info, v.substituters) < max(v.needed, 1) {
			complain(2, "path '%s' is untrusted", show(p))
		}
	}
	if status != 0 {
		return exit(status)
	}
	return nil
}
