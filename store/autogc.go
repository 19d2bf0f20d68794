package store

import (
	"context"
	"sync"
	"time"
)

// autoGC is the state of automatic collection.
type autoGC struct {
	mu        sync.Mutex
	lastCheck time.Time
	// afterLast is the bytes that were free after the last collection, which
	// there is no use in repeating before more have been taken.
	afterLast int64
	running   chan struct{} // closed when the running one ends; nil: none
	stop      chan struct{} // ends the watch; nil: none
}

// AutoGC starts a collection if less than MinFree bytes are free, to stop when
// MaxFree are, and waits for it, or for one that runs, if wait is set.
func (s *Store) AutoGC(wait bool) error {
	if s.cfg.MinFree <= 0 || s.cfg.ReadOnly {
		return nil
	}
	done, err := s.startAutoGC()
	if err == nil && done != nil && wait {
		<-done
	}
	return err
}

func (s *Store) startAutoGC() (<-chan struct{}, error) {
	a := &s.auto
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.running != nil {
		return a.running, nil
	}
	if time.Since(a.lastCheck) < s.checkInterval() {
		return nil, nil
	}
	free, err := s.free()
	if err != nil {
		return nil, err
	}
	a.lastCheck = time.Now()
	if free >= s.cfg.MinFree || free >= s.cfg.MaxFree {
		return nil, nil
	}
	if a.afterLast != 0 && float64(free) > 0.97*float64(a.afterLast) {
		return nil, nil
	}
	running := make(chan struct{})
	a.running = running
	go s.runAutoGC(s.cfg.MaxFree-free, running)
	return running, nil
}

func (s *Store) checkInterval() time.Duration {
	if s.cfg.MinFreeCheckInterval > 0 {
		return s.cfg.MinFreeCheckInterval
	}
	return 5 * time.Second
}

// watchSpace looks at the free space at intervals: builders fill the disk
// without asking anybody.
func (s *Store) watchSpace() {
	if s.cfg.MinFree <= 0 || s.cfg.ReadOnly {
		return
	}
	stop := make(chan struct{})
	s.auto.mu.Lock()
	s.auto.stop = stop
	s.auto.mu.Unlock()
	go func() {
		tick := time.NewTicker(s.checkInterval())
		defer tick.Stop()
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
				if err := s.AutoGC(false); err != nil {
					s.logf(LevelWarn, "auto-GC: %v", err)
				}
			}
		}
	}()
}

// runAutoGC reports errors as warnings: nobody waits for the result, and who
// runs out of space will hear of that.
func (s *Store) runAutoGC(toFree int64, done chan struct{}) {
	s.logf(LevelInfo, "running auto-GC to free %d bytes", toFree)
	_, err := s.GC(context.Background(), GCOptions{
		MaxFreed: toFree, KeepOutputs: s.cfg.KeepOutputs, KeepDerivations: s.cfg.KeepDerivations,
	})
	free, ferr := s.free()
	if err == nil {
		err = ferr
	}
	if err != nil {
		s.logf(LevelWarn, "auto-GC: %v", err)
	}
	s.auto.mu.Lock()
	defer s.auto.mu.Unlock()
	s.auto.running = nil
	s.auto.lastCheck = time.Now()
	s.auto.afterLast = free
	close(done)
}

func (s *Store) free() (int64, error) {
	if s.cfg.FreeSpace != nil {
		return s.cfg.FreeSpace()
	}
	return freeSpace(s.real)
}

// wait ends the watch and lets a collection that runs finish.
func (a *autoGC) wait() {
	a.mu.Lock()
	running := a.running
	if a.stop != nil {
		close(a.stop)
		a.stop = nil
	}
	a.mu.Unlock()
	if running != nil {
		<-running
	}
}
