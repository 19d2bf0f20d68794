package store

type autoGC struct{}

func (a *autoGC) wait() {}

// AutoGC collects garbage if the disk runs full.
func (s *Store) AutoGC() error { return nil }
