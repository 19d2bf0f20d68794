package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/seed192a40f6/glang/lang/diag"
	"github.com/seed192a40f6/glang/local"
)

// setup declares a command's flags and returns what runs it.
type setup func(f *flagSet) func() error

// groups of commands, as help shows them.
const (
	groupMain    = "main"
	groupStore   = "store"
	groupUtility = "utility"
)

// command makes a subcommand. Flags are read by our own flagSet; the setup
// runs only for the command that is run, or asked for help.
func (a *app) command(group, use, short, long string, s setup) *cobra.Command {
	c := &cobra.Command{Use: use, Short: short, Long: long, GroupID: group, DisableFlagParsing: true,
		SilenceErrors: true, SilenceUsage: true}
	c.RunE = func(c *cobra.Command, args []string) error { return a.runVerb(c, s, args) }
	c.ValidArgsFunction = func(_ *cobra.Command, _ []string, word string) ([]string, cobra.ShellCompDirective) {
		if !strings.HasPrefix(word, "-") {
			return nil, cobra.ShellCompDirectiveDefault // files
		}
		f := a.commonFlags()
		a.verbFlags(f)
		s(f)
		return f.complete(word), cobra.ShellCompDirectiveNoFileComp
	}
	c.SetHelpFunc(func(c *cobra.Command, _ []string) {
		f := a.commonFlags()
		own := newFlagSet()
		s(own)
		text := c.Long
		if text == "" {
			text = strings.ToUpper(c.Short[:1]) + c.Short[1:] + "."
		}
		a.printf("%s\n\nUsage:\n  %s\n", text, c.UseLine())
		if u := own.usage(); u != "" {
			a.printf("\nFlags:\n%s", u)
		}
		a.printf("\nCommon flags:\n%s", f.usage())
		a.printf("\nEvery setting is a flag as well: see 'glang config show'.\n")
	})
	return c
}

// family makes a command that only has subcommands.
func (a *app) family(group, use, short string, sub ...*cobra.Command) *cobra.Command {
	c := &cobra.Command{Use: use, Short: short, GroupID: group, SilenceErrors: true, SilenceUsage: true}
	for _, s := range sub {
		s.GroupID = ""
		c.AddCommand(s)
	}
	return c
}

// runVerb parses the flags of a subcommand and runs it.
func (a *app) runVerb(c *cobra.Command, s setup, args []string) error {
	f := a.commonFlags()
	help := false
	f.boolean(&help, "help,h", "show this help")
	a.verbFlags(f)
	run := s(f)
	if err := a.load(); err != nil {
		return err
	}
	if err := f.parse(args); err != nil {
		if help {
			return c.Help()
		}
		return err
	}
	if help {
		return c.Help()
	}
	if err := a.openJSONLogs(); err != nil {
		return err
	}
	a.settings.WarnUnknown()
	if err := f.checkFeatures(); err != nil {
		return err
	}
	if a.asNix && c.Name() != "repl" && !a.settings.FeatureEnabled("nix-command") {
		return local.MissingFeature("nix-command")
	}
	return run()
}

// verbFlags are those of all subcommands but not of the old tools.
func (a *app) verbFlags(f *flagSet) {
	f.boolean(&a.buildLogs, "print-build-logs,L", "print the logs of builds")
	if !a.asNix {
		f.call("error-format", "show errors as text or as json", []string{"format"}, func(w []string) error {
			if w[0] != "text" && w[0] != "json" {
				return usagef("--error-format is text or json, not '%s'", w[0])
			}
			a.errorJSON = w[0] == "json"
			return nil
		})
	}
	f.boolean(&a.offline, "offline", "use no network").aliases = []string{"no-net"}
	f.long["no-net"] = f.long["offline"]
	f.call("refresh", "take nothing downloaded earlier as fresh", nil, func([]string) error { return a.settings.Set("tarball-ttl", "0") })
}

// root is the tree of subcommands.
func (a *app) root() *cobra.Command {
	name := "glang"
	if a.asNix {
		name = "nix"
	}
	root := &cobra.Command{Use: name, Short: "package expressions, builds and environments",
		SilenceErrors: true, SilenceUsage: true, CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true}}
	root.SetOut(a.stdout)
	root.AddGroup(&cobra.Group{ID: groupMain, Title: "Main commands:"},
		&cobra.Group{ID: groupStore, Title: "Stores:"}, &cobra.Group{ID: groupUtility, Title: "Utilities:"})
	root.AddCommand(a.verbs()...)
	return root
}

// verb runs one of glang's own subcommands, or one of nix's.
func (a *app) verb(args []string) error {
	root := a.root()
	f := a.commonFlags()
	a.verbFlags(f)
	help, version := false, false
	f.boolean(&help, "help,h", "show help")
	f.boolean(&version, "version", "show the version")
	// Flags may come before the subcommand: they go behind it.
	cur := root
	var flags []string
	i := 0
	for ; i < len(args); i++ {
		w := args[i]
		if strings.HasPrefix(w, "-") && w != "-" {
			var fl *flag
			if l, ok := strings.CutPrefix(w, "--"); ok {
				fl = f.find(l)
			} else if fl = f.short[w[1]]; fl != nil && len(w) > 2 {
				flags = append(flags, w)
				continue
			}
			if fl == nil {
				return usagef("unrecognised flag '%s'", w)
			}
			n := min(i+1+len(fl.labels), len(args))
			if fl.long == "help" || fl.long == "version" {
				_ = fl.set(nil)
				continue
			}
			flags = append(flags, args[i:n]...)
			i = n - 1
			continue
		}
		if cur == root {
			switch w {
			case "help", "completion", cobra.ShellCompRequestCmd, cobra.ShellCompNoDescRequestCmd:
				root.InitDefaultCompletionCmd()
				root.SetArgs(args[i:])
				return root.Execute()
			}
			if r := aliases[w]; r != nil {
				a.warnf("'%s' is a deprecated alias for '%s'", w, strings.Join(r, " "))
				args = append(append(append([]string{}, args[:i]...), r...), args[i+1:]...)
				w = args[i]
			}
		}
		sub := child(cur, w)
		if sub == nil {
			return a.unknownCommand(cur, w)
		}
		cur = sub
		if !cur.HasSubCommands() {
			i++
			break
		}
	}
	switch {
	case version && cur == root:
		if err := f.parse(flags); err != nil {
			return err
		}
		return a.printVersion()
	case help:
		return cur.Help()
	case cur.RunE == nil:
		if cur == root && len(args) == 0 && !a.asNix {
			return cur.Help()
		}
		return usagef("no subcommand specified")
	}
	return cur.RunE(cur, append(flags, args[i:]...))
}

func child(c *cobra.Command, name string) *cobra.Command {
	for _, s := range c.Commands() {
		if s.Name() == name || s.HasAlias(name) {
			return s
		}
	}
	return nil
}

func (a *app) unknownCommand(c *cobra.Command, word string) error {
	var names []string
	for _, s := range c.Commands() {
		names = append(names, s.Name())
	}
	text := fmt.Sprintf("'%s' is not a recognised command", word)
	if s := diag.BestMatches(names, word); len(s) > 0 {
		text += "\n       Did you mean " + diag.ShowSuggestions(s) + "?"
	}
	return usagef("%s", text)
}

// aliases are old names of subcommands.
var aliases = map[string][]string{
	"add-to-store": {"store", "add-path"}, "cat-nar": {"nar", "cat"}, "cat-store": {"store", "cat"},
	"copy-sigs": {"store", "copy-sigs"}, "dev-shell": {"develop"}, "diff-closures": {"store", "diff-closures"},
	"dump-path": {"store", "dump-path"}, "hash-file": {"hash", "file"}, "hash-path": {"hash", "path"},
	"ls-nar": {"nar", "ls"}, "ls-store": {"store", "ls"}, "optimise-store": {"store", "optimise"},
	"ping-store": {"store", "info"}, "sign-paths": {"store", "sign"}, "show-derivation": {"derivation", "show"},
	"show-config": {"config", "show"}, "to-base16": {"hash", "to-base16"}, "to-base32": {"hash", "to-base32"},
	"to-base64": {"hash", "to-base64"}, "verify": {"store", "verify"}, "doctor": {"config", "check"},
}
