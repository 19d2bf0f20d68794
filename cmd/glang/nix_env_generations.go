package main

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/seed192a40f6/glang/local"
	"github.com/seed192a40f6/glang/profile"
)

func (r *envRun) switchProfile() error {
	if err := r.noFlags(); err != nil {
		return err
	}
	if len(r.args) != 1 {
		return usagef("exactly one argument expected")
	}
	return profile.SwitchLink(r.app.userProfiles().Link(), filepath.Clean(r.app.absolute(r.args[0])))
}

func (r *envRun) switchGeneration() error {
	if err := r.noFlags(); err != nil {
		return err
	}
	if len(r.args) != 1 {
		return usagef("exactly one argument expected")
	}
	n, err := strconv.ParseUint(r.args[0], 10, 31)
	if err != nil {
		return usagef("expected a generation number")
	}
	if n == 0 {
		return fmt.Errorf("profile version %d does not exist", n)
	}
	return r.profile.Switch(int(n), r.dryRun)
}

func (r *envRun) noArgs() error {
	if err := r.noFlags(); err != nil {
		return err
	}
	if len(r.args) != 0 {
		return usagef("no arguments expected")
	}
	return nil
}

func (r *envRun) rollback() error {
	if err := r.noArgs(); err != nil {
		return err
	}
	return r.profile.Switch(0, r.dryRun)
}

func (r *envRun) listGenerations() error {
	if err := r.noArgs(); err != nil {
		return err
	}
	unlock, err := r.profile.Lock()
	if err != nil {
		return err
	}
	defer unlock()
	gens, current, err := r.profile.Generations()
	if err != nil {
		return err
	}
	for _, g := range gens {
		mark := ""
		if g.Number == current {
			mark = "(current)"
		}
		r.app.printf("%4d   %s   %s\n", g.Number, g.Made.Format("2006-01-02 15:04:05"), mark)
	}
	return nil
}

func (r *envRun) deleteGenerations() error {
	if err := r.noFlags(); err != nil {
		return err
	}
	if len(r.args) == 1 {
		switch w := r.args[0]; {
		case w == "old":
			return r.profile.DeleteOld(r.dryRun)
		case strings.Contains(w, "d"):
			t, err := profile.ParseAge(w, time.Now())
			if err != nil {
				return &local.UsageError{Message: err.Error()}
			}
			return r.profile.DeleteOlderThan(t, r.dryRun)
		case strings.Contains(w, "+"):
			if len(w) < 2 {
				return fmt.Errorf("invalid number of generations '%s'", w)
			}
			n, err := strconv.ParseUint(w[1:], 10, 31)
			if err != nil {
				return fmt.Errorf("invalid number of generations to keep '%s'", w)
			}
			return r.profile.Keep(int(n), r.dryRun)
		}
	}
	var numbers []int
	for _, w := range r.args {
		n, err := strconv.ParseUint(w, 10, 31)
		if err != nil {
			return usagef("invalid generation number '%s'", w)
		}
		numbers = append(numbers, int(n))
	}
	return r.profile.Delete(numbers, r.dryRun)
}
