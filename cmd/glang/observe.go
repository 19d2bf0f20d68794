package main

import (
	"fmt"
	"os"

	"github.com/seed192a40f6/glang/lang/eval"
	"github.com/seed192a40f6/glang/local"
)

// beginProfile starts the profile that --profile asks for; nil if it was not given.
func (a *app) beginProfile(args *evalArgs) (*local.Profile, error) {
	if args.profile == "" {
		return nil, nil
	}
	f, err := os.Create(args.profile)
	if err != nil {
		return nil, err
	}
	p := local.NewProfile()
	a.onClose(func() {
		err := p.Write(f)
		if cerr := f.Close(); err == nil {
			err = cerr
		}
		if err != nil {
			a.warnf("writing the profile '%s': %v", args.profile, err)
		}
	})
	return p, nil
}

// beginStats starts counting if --stats or NIX_SHOW_STATS asks for it.
func (a *app) beginStats(args *evalArgs) *local.Stats {
	show := a.env.Get("NIX_SHOW_STATS")
	if args.stats == "" && (show == "" || show == "0") {
		return nil
	}
	count := a.env.Get("NIX_COUNT_CALLS")
	return local.NewStats(count != "" && count != "0")
}

// writeStats prints what was counted on standard error or, as the reference
// does, to the file that NIX_SHOW_STATS_PATH names.
func (a *app) writeStats(s *local.Stats, e *eval.Evaluator) error {
	name := a.env.Get("NIX_SHOW_STATS_PATH")
	if name == "" || name == "-" {
		return s.Write(os.Stderr, e)
	}
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	err = s.Write(f, e)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return fmt.Errorf("writing the statistics '%s': %w", name, err)
	}
	return nil
}
