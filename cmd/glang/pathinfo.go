package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/seed192a40f6/glang/local"
	"github.com/seed192a40f6/glang/store"
	"github.com/seed192a40f6/glang/store/storepath"
)

func (a *app) pathInfoCommand() *cobra.Command {
	return a.command(groupStore, "path-info [INSTALLABLE...]", "show what is known about store paths", "", func(f *flagSet) func() error {
		args := a.storePathFlags(f, false)
		size, closure, human, sigs, asJSON, pretty, version := false, false, false, false, false, a.prettyDefault(), 0
		f.boolean(&size, "size,s", "show the size of each path")
		f.boolean(&closure, "closure-size,S", "show the size of each path with all it refers to")
		f.boolean(&human, "human-readable,h", "show sizes with units")
		f.boolean(&sigs, "sigs", "show signatures")
		f.boolean(&asJSON, "json", "print JSON")
		a.prettyFlags(f, &pretty)
		f.call("json-format", "version of the JSON, 1 or 2", []string{"version"}, func(w []string) error {
			n, ok := local.ParseSize(w[0])
			if !ok {
				return usagef("'%s' is not an integer", w[0])
			}
			version = int(n)
			return nil
		})
		return func() error {
			paths, err := a.argPaths(args, f.args, false)
			if err != nil {
				return err
			}
			api := a.session.API
			if asJSON {
				if version == 0 {
					version = 2
					if a.asNix {
						version = 1
						a.warn("'--json' without '--json-format' is deprecated; please specify '--json-format 1' or '--json-format 2'. This will become an error in a future release.")
					}
				}
				v, err := store.PathInfoJSON(api, paths, version, closure)
				if err != nil {
					return err
				}
				return a.printJSON(v, pretty)
			}
			width := 0
			for _, p := range paths {
				width = max(width, len(a.session.Scheme.Print(p)))
			}
			number := func(n int64) string {
				if human {
					s := renderSize(n)
					return fmt.Sprintf("\t%*s", 6+len(s)-strings.IndexByte(s, ' '), s)
				}
				return fmt.Sprintf("\t%11d", n)
			}
			for _, p := range paths {
				info, err := api.PathInfo(p)
				if err != nil {
					return err
				}
				line := a.session.Scheme.Print(p)
				if size || closure || sigs {
					line += strings.Repeat(" ", width-len(line))
				}
				if size {
					line += number(info.NarSize)
				}
				if closure {
					n, err := store.ClosureSize(api, []storepath.Path{p})
					if err != nil {
						return err
					}
					line += number(n)
				}
				if sigs {
					var words []string
					if info.Ultimate {
						words = append(words, "ultimate")
					}
					if !info.CA.IsZero() {
						words = append(words, "ca:"+info.CA.String())
					}
					line += "\t" + strings.Join(append(words, info.Sigs...), " ")
				}
				a.println(line)
			}
			return nil
		}
	})
}
