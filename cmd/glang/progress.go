package main

import (
	"fmt"
	"os"
	"sync"
)

// progress owns standard error while work goes on: it keeps a status line at
// the bottom of a terminal and prints messages above it. The zero value
// prints plain lines.
type progress struct {
	mu sync.Mutex
}

// print writes a line.
func (p *progress) print(line string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	fmt.Fprintln(os.Stderr, line)
}

// stop removes the status line; printing goes on as plain lines.
func (p *progress) stop() {}
