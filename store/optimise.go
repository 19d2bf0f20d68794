package store

import "github.com/seed192a40f6/glang/store/storepath"

type inodeSet struct{}

func (s *Store) optimisePath(p storepath.Path, repair bool) (OptimiseStats, error) {
	return OptimiseStats{}, nil
}

// OptimiseStats says what optimising has saved.
type OptimiseStats struct {
	FilesLinked int64
	BytesFreed  int64
}
