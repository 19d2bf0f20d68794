package local

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Trusted says for values of settings whether flakes may choose them.
type Trusted map[string]map[string]bool

// TrustedFile is where the user's answers are kept.
func TrustedFile(d *Dirs) string { return filepath.Join(d.Data, "trusted-settings.json") }

// ReadTrusted reads the user's answers; without a file there are none.
func ReadTrusted(d *Dirs) (Trusted, error) {
	t := Trusted{}
	text, err := os.ReadFile(TrustedFile(d))
	if errors.Is(err, fs.ErrNotExist) {
		return t, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &t)
	}
	if err != nil {
		return nil, fmt.Errorf("reading '%s': %w", TrustedFile(d), err)
	}
	return t, nil
}

// Write adds an answer and writes all of them.
func (t Trusted) Write(d *Dirs, name, value string, trusted bool) error {
	if t[name] == nil {
		t[name] = map[string]bool{}
	}
	t[name][value] = trusted
	text, err := json.Marshal(t)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(d.Data, 0o777); err != nil {
		return err
	}
	return os.WriteFile(TrustedFile(d), text, 0o666)
}
