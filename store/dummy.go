package store

// Dummy is a store in memory.
type Dummy struct{ API }
