package main

import "github.com/spf13/cobra"

// verbs lists the subcommands; one file each defines one.
func (a *app) verbs() []*cobra.Command {
	return []*cobra.Command{
		a.configCommand(), a.hashCommand(),
	}
}
