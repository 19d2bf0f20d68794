package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// showMan shows the manual page of an old tool by the program man, as those
// tools do.
func (a *app) showMan(name, text string) error {
	man, err := exec.LookPath("man")
	if errors.Is(err, exec.ErrNotFound) {
		return fmt.Errorf("The 'man' command was not found, but it is needed for '%s' and some other 'nix-*' commands' help text. Perhaps you could install the 'man' command?", name)
	}
	if err != nil {
		return err
	}
	file, err := os.CreateTemp("", name+".*.1")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name())
	if _, err := file.WriteString(text); err != nil {
		file.Close()
		return err
	}
	if err := file.Close(); err != nil {
		return err
	}
	c := exec.Command(man, file.Name()) // a name with a slash is a file
	c.Stdin, c.Stdout, c.Stderr = os.Stdin, os.Stdout, os.Stderr
	return c.Run()
}

// manPage writes a manual page.
func manPage(name, short, synopsis, description string, f *flagSet) string {
	var b strings.Builder
	fmt.Fprintf(&b, ".TH %s 1 \"\" \"%s\"\n.SH NAME\n%s \\- %s\n", strings.ToUpper(name), "glang "+version(), name, roff(short))
	fmt.Fprintf(&b, ".SH SYNOPSIS\n%s\n", roff(synopsis))
	fmt.Fprintf(&b, ".SH DESCRIPTION\n%s\n.SH OPTIONS\n", roff(description))
	for _, fl := range f.shown() {
		var names []string
		if fl.short != 0 {
			names = append(names, "-"+string(fl.short))
		}
		if fl.long != "" {
			names = append(names, "--"+fl.long)
		}
		head := "\\fB" + roff(strings.Join(names, ", ")) + "\\fR"
		for _, l := range fl.labels {
			head += " \\fI" + roff(l) + "\\fR"
		}
		fmt.Fprintf(&b, ".TP\n%s\n%s\n", head, roff(fl.doc))
	}
	b.WriteString(".PP\nEvery setting of nix.conf(5) is an option as well.\n")
	return b.String()
}

// roff escapes what means something to troff.
func roff(s string) string {
	s = strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(s)
	lines := strings.Split(s, "\n")
	for i, l := range lines {
		if strings.HasPrefix(l, ".") || strings.HasPrefix(l, "'") {
			lines[i] = `\&` + l
		}
	}
	return strings.Join(lines, "\n")
}

// toolPages say what the old tools are for.
var toolPages = map[string]struct{ short, synopsis, description string }{
	"nix-instantiate":     {"instantiate store derivations from expressions", "nix-instantiate [--eval | --parse | --find-file] [option...] [path...]", "Evaluates expressions to derivations, writes those to the store and prints their paths. With --eval it prints values instead."},
	"nix-build":           {"build an expression", "nix-build [option...] [path...]", "Builds the derivations that expressions evaluate to, and makes links named result to what was built."},
	"nix-shell":           {"start a shell in the environment of a build", "nix-shell [option...] [path] [--run command]", "Builds what a derivation needs to be built, and starts a shell that has its variables; with -p, one that has packages."},
	"nix-store":           {"manipulate or query the store", "nix-store operation [option...] [path...]", "Operations: --realise (-r), --serve, --gc, --delete, --query (-q), --add, --add-fixed, --verify, --verify-path, --repair-path, --dump, --restore, --export, --import, --optimise, --read-log (-l), --dump-db, --load-db, --print-env, --generate-binary-cache-key."},
	"nix-env":             {"manipulate or query user environments", "nix-env operation [option...] [argument...]", "Operations: --install (-i), --upgrade (-u), --uninstall (-e), --query (-q), --set, --set-flag, --switch-profile (-S), --switch-generation (-G), --rollback, --list-generations, --delete-generations."},
	"nix-hash":            {"compute the hash of a path", "nix-hash [option...] path...", "Prints the hash of the archive of each path, or with --flat of each file."},
	"nix-prefetch-url":    {"download a file into the store and print its hash", "nix-prefetch-url url [hash] [--type algo] [--unpack] [--executable] [--name name] [--print-path] [-A attrPath]", "Downloads a file, or with --unpack the tree of an archive, and prints the hash that a derivation has to give."},
	"nix-channel":         {"manage channels", "nix-channel [--add url [name] | --remove name | --list | --update [names...] | --rollback [generation]]", "Subscribes to channels, whose expressions are found as <name>, and updates them."},
	"nix-collect-garbage": {"delete unreachable store objects", "nix-collect-garbage [--delete-old | -d] [--delete-older-than period] [--dry-run]", "Deletes what no root refers to, and before that, if asked to, old generations of profiles."},
}
