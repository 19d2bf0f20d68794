package main

import (
	"fmt"
	"os/exec"
	"strings"

	"github.com/spf13/cobra"
)

func (a *app) editCommand() *cobra.Command {
	return a.command(groupMain, "edit [FILE | -f FILE ATTR]", "open the expression of a package in $EDITOR",
		`Opens the file that a package's meta.position names, or the one that a path or
function is in, at its line.`, func(f *flagSet) func() error {
			src := a.sourceFlags(f)
			return func() error {
				list, err := a.installables(src, f.args)
				if err != nil {
					return err
				}
				if len(list) != 1 || list[0].x == nil {
					return usagef("an expression is expected")
				}
				i := list[0]
				r := &repl{a: a, x: i.x}
				var file string
				var line int
				if err := i.x.Do(func() {
					v, _ := i.selected()
					file, line = r.placeOf(v, i.what)
				}); err != nil {
					return err
				}
				words := a.editor(file, line)
				program, err := exec.LookPath(words[0])
				if err != nil {
					return fmt.Errorf("cannot run the editor '%s': %w", words[0], err)
				}
				return a.exec(append([]string{program}, words[1:]...))
			}
		})
}

// editor is the command that opens a file at a line, if that is known.
func (a *app) editor(file string, line int) []string {
	editor := a.env.Get("EDITOR")
	if editor == "" {
		editor = "cat"
	}
	words := strings.Fields(editor)
	if line > 0 {
		for _, knows := range []string{"emacs", "nano", "vim", "kak"} {
			if strings.Contains(editor, knows) {
				words = append(words, fmt.Sprintf("+%d", line))
				break
			}
		}
	}
	return append(words, file)
}
