package main

import (
	"slices"

	"github.com/spf13/cobra"

	"github.com/seed192a40f6/glang/local"
)

func (a *app) configCommand() *cobra.Command {
	return a.family(groupUtility, "config", "show settings", a.configShow(), a.configCheck())
}

func (a *app) configShow() *cobra.Command {
	return a.command("", "show [SETTING]", "show the settings and their values", "", func(f *flagSet) func() error {
		asJSON, pretty := false, a.prettyDefault()
		f.boolean(&asJSON, "json", "print JSON")
		a.prettyFlags(f, &pretty)
		return func() error {
			if len(f.args) > 1 {
				return usagef("unexpected argument '%s'", f.args[1])
			}
			if len(f.args) == 1 {
				d, ok := a.settings.Lookup(f.args[0])
				if !ok || d.Name != f.args[0] || !a.settings.FeatureEnabled(d.Feature) {
					return usagef("could not find setting '%s'", f.args[0])
				}
				v := a.settings.Get(d.Name)
				if asJSON {
					return a.printJSON(a.settings.JSON(d, v), pretty)
				}
				a.println(v)
				return nil
			}
			all := map[string]any{}
			for _, d := range local.Definitions() {
				v := a.settings.Get(d.Name)
				if asJSON {
					var feature any
					if d.Feature != "" {
						feature = d.Feature
					}
					aliases := slices.Clone(d.Aliases)
					slices.Sort(aliases)
					all[d.Name] = map[string]any{
						"value": a.settings.JSON(&d, v), "defaultValue": a.settings.JSON(&d, d.Default),
						"aliases": append([]string{}, aliases...), "description": d.Doc,
						"documentDefault": !d.Computed, "experimentalFeature": feature,
					}
				} else if a.settings.FeatureEnabled(d.Feature) {
					a.printf("%s = %s\n", d.Name, v)
				}
			}
			if asJSON {
				return a.printJSON(all, pretty)
			}
			return nil
		}
	})
}
