package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/seed192a40f6/glang/lang/builtins"
	"github.com/seed192a40f6/glang/lang/diag"
)

func (a *app) docCommand() *cobra.Command {
	c := a.command(groupUtility, "doc [NAME...]", "show the documentation of builtins",
		`Shows what builtins do, with an example of each. Without a NAME it lists them
all, with a line each.`, func(f *flagSet) func() error {
			return func() error {
				docs := map[string]*builtins.Entry{}
				var names []string
				for _, b := range builtins.Manual() {
					if !b.Internal {
						docs[b.Name] = &b
						names = append(names, b.Name)
					}
				}
				if len(f.args) == 0 {
					for _, n := range names {
						b := docs[n]
						first, _, _ := strings.Cut(b.Doc, ". ")
						first, _, _ = strings.Cut(first, "\n")
						a.printf("%-32s %s\n", builtinHead(b), strings.TrimSuffix(first, "."))
					}
					return nil
				}
				for i, n := range f.args {
					b := docs[strings.TrimPrefix(strings.TrimPrefix(n, "builtins."), "__")]
					if b == nil {
						text := fmt.Sprintf("there is no builtin '%s'", n)
						if s := diag.BestMatches(names, n); len(s) > 0 {
							text += "\n       Did you mean " + diag.ShowSuggestions(s) + "?"
						}
						return fmt.Errorf("%s", text)
					}
					if i > 0 {
						a.println()
					}
					a.print(a.renderMarkdown(builtinText(b)))
				}
				return nil
			}
		})
	flags := c.ValidArgsFunction
	c.ValidArgsFunction = func(c *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
		if strings.HasPrefix(word, "-") {
			return flags(c, args, word)
		}
		var names []string
		for _, b := range builtins.All() {
			if !b.Internal && strings.HasPrefix(b.Name, word) {
				names = append(names, b.Name)
			}
		}
		return names, cobra.ShellCompDirectiveNoFileComp
	}
	return c
}

// builtinHead is a builtin with its arguments.
func builtinHead(b *builtins.Entry) string {
	return strings.Join(append([]string{b.Name}, b.Args...), " ")
}

// builtinText is what there is to say about a builtin, as Markdown.
func builtinText(b *builtins.Entry) string {
	var t strings.Builder
	fmt.Fprintf(&t, "**builtins.%s**\n\n", builtinHead(b))
	if b.Global {
		fmt.Fprintf(&t, "Also without `builtins.`: `%s`.\n\n", b.Name)
	}
	if b.Feature != "" {
		fmt.Fprintf(&t, "Needs the experimental feature `%s`.\n\n", b.Feature)
	}
	t.WriteString(b.Doc + "\n")
	if b.Errors != "" {
		fmt.Fprintf(&t, "\n*Fails on* %s, as `%s` does.\n", b.Errors, b.Fails)
	}
	if b.Cost != "" {
		fmt.Fprintf(&t, "\n*Cost*: %s.\n", b.Cost)
	}
	if b.Example != "" {
		t.WriteString("\n```nix\n" + b.Example + "\n```\n")
	}
	return t.String()
}
