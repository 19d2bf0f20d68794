package main

import (
	"fmt"

	"github.com/seed192a40f6/glang/profile"
	"github.com/seed192a40f6/glang/realise"
)

// profileAt is the profile of a name given by the user.
func (a *app) profileAt(name string) *profile.Profile {
	return &profile.Profile{Path: a.absolute(name), Notice: func(s string) { a.logf(levelNotice, "%s", s) }}
}

// setProfile makes the one path that was built a generation of a profile.
func (a *app) setProfile(name string, results []realise.Result) error {
	paths := outPaths(results)
	if len(paths) != 1 {
		return fmt.Errorf("'--profile' requires that the arguments produce a single store path, but there are %d", len(paths))
	}
	s, err := a.localStore()
	if err != nil {
		return err
	}
	p := a.profileAt(name)
	g, err := p.Create(s, paths[0])
	if err != nil {
		return err
	}
	return p.SwitchTo(g)
}
