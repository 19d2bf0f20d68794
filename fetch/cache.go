//go:build unix

package fetch

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// facts remembers what is true for ever, such as how many commits lead to a
// revision, in a file of lines "KIND KEY VALUE". Lines are only appended, each
// by one write, so that processes do not disturb each other; a broken line is
// passed over.
type facts struct {
	file string
	once sync.Once
	mu   sync.Mutex
	m    map[string]string
}

const factsFile = "fetcher-cache-v1"

func (c *facts) load() {
	c.m = map[string]string{}
	text, err := os.ReadFile(c.file)
	if err != nil {
		return // nothing is known yet
	}
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		if len(f) == 3 && strings.HasSuffix(line, "\n") {
			c.m[f[0]+" "+f[1]] = f[2]
		}
	}
}

// get looks a fact up, or finds it out and remembers it.
func (c *facts) get(kind, key string, find func() (string, error)) (string, error) {
	c.once.Do(c.load)
	c.mu.Lock()
	v, ok := c.m[kind+" "+key]
	c.mu.Unlock()
	if ok {
		return v, nil
	}
	v, err := find()
	if err != nil {
		return "", err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.m[kind+" "+key] = v
	return v, c.append(kind + " " + key + " " + v + "\n")
}

func (c *facts) append(line string) error {
	if err := os.MkdirAll(filepath.Dir(c.file), 0o755); err != nil {
		return err
	}
	f, err := os.OpenFile(c.file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = f.WriteString(line)
	return errors.Join(err, f.Close())
}
