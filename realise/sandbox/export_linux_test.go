package sandbox

// ForkOnly makes builds start by fork, the plain way.
func (r *Room) ForkOnly() { r.fork = true }
