package main

import (
	"github.com/seed192a40f6/glang/lang/eval"
	"github.com/seed192a40f6/glang/local"
	"github.com/seed192a40f6/glang/store"
)

// open opens the store, once.
func (a *app) open() (*local.Session, error) {
	if a.session != nil {
		return a.session, nil
	}
	s, err := local.Open(a.settings, a.dirs, a.env, a.storeURI, a.storeLog)
	if err != nil {
		return nil, err
	}
	s.ReadOnly = s.ReadOnly || a.readOnly
	s.Registry = &a.registry
	a.session = s
	a.onClose(func() { s.Close() })
	return s, nil
}

// storeLog shows what the store has to say.
func (a *app) storeLog(level store.Level, message string) {
	switch level {
	case store.LevelError:
		a.logf(levelError, "%s", message)
	case store.LevelWarn:
		a.warn(message)
	case store.LevelInfo:
		a.logf(levelInfo, "%s", message)
	case store.LevelTalkative:
		a.logf(levelTalkative, "%s", message)
	default:
		a.logf(levelDebug, "%s", message)
	}
}

// evalFetcher downloads what expressions ask for.
func (a *app) evalFetcher(s *local.Session) eval.Fetcher {
	return s.Fetcher(a.warn, func(text string) { a.logf(levelTalkative, "%s", text) })
}
