package main

import "github.com/spf13/cobra"

// verbs lists the subcommands; one file each defines one.
func (a *app) verbs() []*cobra.Command {
	return []*cobra.Command{
		a.configCommand(), a.hashCommand(), a.evalCommand(), a.buildCommand(), a.logCommand(), a.storeCommand(), a.narCommand(), a.keyCommand(),
		a.profileCommand(), a.shellCommand(), a.envCommand(), a.runCommand(), a.developCommand(), a.printDevEnvCommand(), a.editCommand(), a.pathInfoCommand(), a.derivationCommand(), a.whyDependsCommand(), a.copyCommand(), a.flakeCommand(), a.registryCommand(),
		a.searchCommand(), a.replCommand(), a.fmtCommand(), a.lspCommand(), a.docCommand(),
	}
}
