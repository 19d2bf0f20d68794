package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"github.com/seed192a40f6/glang/local"
	"github.com/seed192a40f6/glang/realise"
	"github.com/seed192a40f6/glang/store/storepath"
)

// cached gives what run gives, from the cache of evaluation results if it is
// there. The request tells apart what one command line may ask for.
func (a *app) cached(request string, run func() ([]byte, error)) (result []byte, hit bool, err error) {
	if !a.settings.Bool("eval-cache") || a.settings.ObservesCalls() || a.observed || a.debug || a.env.Get("NIX_SHOW_STATS") != "" {
		result, err = run()
		return result, false, err
	}
	// What a terminal gets is coloured and indented.
	color := "plain"
	if term.IsTerminal(1) {
		color = fmt.Sprint("terminal ", a.colorOut())
	}
	r, err := local.OpenResults(a.settings, a.dirs, a.env, append([]string{request, color}, a.argv...)...)
	if err != nil {
		a.logf(levelDebug, "no cache of evaluation results: %v", err)
		result, err = run()
		return result, false, err
	}
	defer r.Close()
	if result, ok := r.Get(a.evalContext(), a.isValid); ok {
		return result, true, nil
	}
	a.results = r
	result, err = run()
	a.results = nil
	if err == nil {
		if perr := r.Put(a.context(), result); perr != nil {
			a.logf(levelDebug, "the evaluation result is not cached: %v", perr)
		}
	}
	return result, false, err
}

func (a *app) isValid(p storepath.Path) bool {
	s, err := a.open()
	if err != nil {
		return false
	}
	ok, err := s.API.IsValid(p)
	return err == nil && ok
}

// cachedOutput is cached for what run prints. If that comes from the cache,
// onHit, if not nil, does what else run would have done.
func (a *app) cachedOutput(run func() error, onHit func(out []byte)) error {
	out, hit, err := a.cached("output", func() ([]byte, error) {
		if err := a.stdout.Flush(); err != nil {
			return nil, err
		}
		var printed bytes.Buffer
		whole := a.stdout
		a.stdout = bufio.NewWriterSize(io.MultiWriter(os.Stdout, &printed), 64<<10)
		err := run()
		if ferr := a.stdout.Flush(); err == nil {
			err = ferr
		}
		a.stdout = whole
		return printed.Bytes(), err
	})
	if hit && err == nil {
		if onHit != nil {
			onHit(out)
		}
		_, err = a.stdout.Write(out)
	}
	return err
}

// cachedTargets is cached for what an evaluation wants to be built.
func (a *app) cachedTargets(find func() ([]realise.Target, error)) ([]realise.Target, error) {
	var targets []realise.Target
	text, hit, err := a.cached("targets", func() (text []byte, err error) {
		if targets, err = find(); err != nil {
			return nil, err
		}
		for _, t := range targets {
			text = append(text, strings.Join(append([]string{t.Drv.String(), t.Path.String()}, t.Outputs...), " ")+"\n"...)
		}
		return text, nil
	})
	if !hit || err != nil {
		return targets, err
	}
	if _, err := a.open(); err != nil {
		return nil, err
	}
	for _, line := range strings.Split(strings.TrimSuffix(string(text), "\n"), "\n") {
		words := strings.Split(line, " ")
		var t realise.Target
		for i, p := range []*storepath.Path{&t.Drv, &t.Path} {
			if words[i] == "" {
				continue
			}
			if *p, err = storepath.ParseBase(words[i]); err != nil {
				return nil, err
			}
		}
		t.Outputs = words[2:]
		if len(t.Outputs) == 0 {
			t.Outputs = nil
		}
		targets = append(targets, t)
	}
	return targets, nil
}
