//go:build unix

// Command relock refreshes the pins of <std>'s Debian packages.
//
//	go run ./realise/debian/relock                          # refresh all pins
//	go run ./realise/debian/relock -packages tcc,musl-dev   # pin more packages
//	go run ./realise/debian/relock -sources xz-utils        # pin more sources
//
// It asks the machine's apt, whose lists are signed by Debian, and rewrites the
// lock file only if that succeeds for every name.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"

	"github.com/seed192a40f6/glang/realise/debian"
)

func main() {
	file := flag.String("file", "stdlib/debian/lock.json", "the lock file")
	packages := flag.String("packages", "", "comma-separated binary packages to pin in addition")
	sources := flag.String("sources", "", "comma-separated source packages to pin in addition")
	release := flag.String("release", "", "change to this Debian release")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := relock(ctx, *file, *release, list(*packages), list(*sources)); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		stop()
		os.Exit(1)
	}
}

func list(names string) []string {
	return strings.FieldsFunc(names, func(r rune) bool { return r == ',' || r == ' ' })
}

func relock(ctx context.Context, file, release string, packages, sources []string) error {
	cache, err := os.UserCacheDir()
	if err != nil {
		return err
	}
	apt := debian.FindApt(filepath.Join(cache, "glang", "debian"))
	if apt == nil {
		return errors.New("this machine has no apt, whose signed lists the pins are taken from")
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	lock, err := debian.ParseLock(text)
	if err != nil {
		return err
	}
	if release != "" {
		lock.Release = release
	}
	fresh, err := lock.Refresh(ctx, apt, packages, sources)
	if err != nil {
		return err
	}
	for name, pkg := range fresh.Packages {
		if old := lock.Packages[name].Version; old != pkg.Version {
			fmt.Printf("%s: %s -> %s\n", name, old, pkg.Version)
		}
	}
	for name, source := range fresh.Sources {
		if old := lock.Sources[name].Version; old != source.Version {
			fmt.Printf("%s (source): %s -> %s\n", name, old, source.Version)
		}
	}
	text, err = fresh.Bytes()
	if err != nil {
		return err
	}
	temporary := file + ".new"
	if err := os.WriteFile(temporary, text, 0o644); err != nil {
		return err
	}
	return os.Rename(temporary, file)
}
