//go:build unix

package debian

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Apt drives the machine's apt with lists, cache and package status of its
// own, so that nothing of the machine is changed, no privilege is needed, and
// the answers do not depend on what is installed. The machine's proxies,
// mirrors and certificates are honoured.
type Apt struct {
	// Etc is the folder of the machine's sources; "" means /etc/apt.
	Etc string
	// Dir is where private lists are kept between runs; it is created.
	Dir string
}

// aptHelper downloads single files as apt does; Debian's apt package has it
// outside PATH.
const aptHelper = "/usr/lib/apt/apt-helper"

// FindApt returns an Apt that keeps its files in dir, or nil if this machine has none.
func FindApt(dir string) *Apt {
	if _, err := os.Stat(aptHelper); err != nil {
		return nil
	}
	if _, err := exec.LookPath("apt-get"); err != nil {
		return nil
	}
	return &Apt{Dir: dir}
}

func (a *Apt) entries() ([]Entry, error) {
	etc := a.Etc
	if etc == "" {
		etc = "/etc/apt"
	}
	return ReadSources(etc)
}

// fetchDirect downloads one file of the archive from the machine's Debian
// mirrors, by address and so without any list: a twentieth of a second where
// the lists alone would cost several.
func (a *Apt) fetchDirect(ctx context.Context, filePath, dest string) error {
	entries, err := a.entries()
	if err != nil {
		return err
	}
	uris := roots(entries)
	if len(uris) == 0 {
		return errors.New("apt's sources have no entry for Debian's archive")
	}
	var failures []error
	for _, uri := range uris {
		// apt drops to the user _apt when run as root, who may not write to dest.
		err := run(ctx, "", aptHelper, "-oAPT::Sandbox::User=root", "download-file", uri+"/"+filePath, dest)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		failures = append(failures, err)
	}
	return errors.Join(failures...)
}

// fetchListed downloads one file of the archive by the name and version of its
// package. It serves sources that have no plain address, such as a disc or a
// list of mirrors behind http.
func (a *Apt) fetchListed(ctx context.Context, lock *Lock, filePath, dest string) error {
	name, version, source, ok := lock.find(filePath)
	if !ok {
		return fmt.Errorf("'%s' is not in the lock file, so apt cannot be asked for it by name", filePath)
	}
	if err := a.Update(ctx, lock.Release, lock.Arch, 24*time.Hour); err != nil {
		return err
	}
	dir, err := os.MkdirTemp(filepath.Dir(dest), ".apt-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	command := []string{"download", name + "=" + version}
	if source {
		command = []string{"source", "--download-only", name + "=" + version}
	}
	if err := a.get(ctx, dir, command...); err != nil {
		return err
	}
	files, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, file := range files {
		// apt writes the epoch of a version into the file's name, the archive
		// does not; of a binary package there is one file only.
		if !source || file.Name() == filepath.Base(filePath) {
			return os.Rename(filepath.Join(dir, file.Name()), dest)
		}
	}
	return fmt.Errorf("apt downloaded '%s=%s' without the file '%s'", name, version, filepath.Base(filePath))
}

// Update brings the private lists of a release up to date, unless they are
// younger than maxAge. Processes that update at the same time wait for each
// other.
func (a *Apt) Update(ctx context.Context, release, arch string, maxAge time.Duration) error {
	for _, dir := range []string{"lists/partial", "cache/archives/partial"} {
		if err := os.MkdirAll(filepath.Join(a.Dir, dir), 0o755); err != nil {
			return err
		}
	}
	unlock, err := lockFile(filepath.Join(a.Dir, "lock"))
	if err != nil {
		return err
	}
	defer unlock()
	changed, err := a.configure(release, arch)
	if err != nil {
		return err
	}
	stamp := filepath.Join(a.Dir, "updated")
	if info, err := os.Stat(stamp); err == nil && !changed && time.Since(info.ModTime()) < maxAge {
		return nil
	}
	if err := a.get(ctx, "", "update", "--error-on=any"); err != nil {
		return err
	}
	return os.WriteFile(stamp, []byte(release+"\n"), 0o644)
}

// configure writes the private configuration and sources, and tells whether
// that changed anything.
func (a *Apt) configure(release, arch string) (changed bool, err error) {
	entries, err := a.entries()
	if err != nil {
		return false, err
	}
	var sources strings.Builder
	seen := map[string]bool{}
	for _, entry := range entries {
		if !entry.IsDebian() {
			continue
		}
		for _, uri := range entry.URIs {
			if seen[uri] {
				continue
			}
			seen[uri] = true
			// deb-src is asked for even where the machine's own entry lacks it:
			// the two lie on the same mirror.
			fmt.Fprintf(&sources, "Types: deb deb-src\nURIs: %s\nSuites: %s\nComponents: main\n", uri, release)
			fmt.Fprintf(&sources, "Architectures: %s\nTargets: Packages Sources\n", arch)
			if entry.SignedBy != "" {
				fmt.Fprintf(&sources, "Signed-By: %s\n", entry.SignedBy)
			}
			if entry.Trusted != "" {
				fmt.Fprintf(&sources, "Trusted: %s\n", entry.Trusted)
			}
			sources.WriteString("\n")
		}
	}
	if sources.Len() == 0 {
		return false, errors.New("the machine's apt sources have no entry for Debian's own archive")
	}
	var config strings.Builder
	for _, option := range [][2]string{
		{"Dir::State", a.Dir},
		{"Dir::State::lists", filepath.Join(a.Dir, "lists")},
		{"Dir::State::status", filepath.Join(a.Dir, "status")},
		{"Dir::Cache", filepath.Join(a.Dir, "cache")},
		{"Dir::Cache::archives", filepath.Join(a.Dir, "cache/archives")},
		{"Dir::Etc::sourcelist", filepath.Join(a.Dir, "debian.sources")},
		{"Dir::Etc::sourceparts", "/dev/null"},
		{"Dir::Etc::preferences", "/dev/null"},
		{"Dir::Etc::preferencesparts", "/dev/null"},
		{"APT::Sandbox::User", "root"},
		{"APT::Architecture", arch},
		{"Acquire::Languages", "none"},
	} {
		fmt.Fprintf(&config, "%s %s;\n", option[0], strconv.Quote(option[1]))
	}
	// Hooks of the machine act on the machine's own lists and cache.
	for _, hook := range []string{"Pre-Invoke", "Post-Invoke", "Post-Invoke-Success"} {
		fmt.Fprintf(&config, "#clear APT::Update::%s;\n", hook)
	}
	for name, text := range map[string]string{
		"apt.conf":       config.String(),
		"debian.sources": sources.String(),
		"status":         "",
	} {
		file := filepath.Join(a.Dir, name)
		if old, err := os.ReadFile(file); err == nil && string(old) == text {
			continue
		}
		changed = true
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			return false, err
		}
	}
	return changed, nil
}

// show gives the candidate of each named binary package as a control stanza.
func (a *Apt) show(ctx context.Context, packages []string) ([]map[string]string, error) {
	if len(packages) == 0 {
		return nil, nil
	}
	return a.cache(ctx, append([]string{"show", "--no-all-versions"}, packages...))
}

// showSources gives the newest version of each named source package.
func (a *Apt) showSources(ctx context.Context, sources []string) ([]map[string]string, error) {
	if len(sources) == 0 {
		return nil, nil
	}
	stanzas, err := a.cache(ctx, append([]string{"showsrc", "--only-source"}, sources...))
	// A release may hold more than one version of a source, the older ones kept
	// for a binary that was built from them; those are marked.
	return slices.DeleteFunc(stanzas, func(stanza map[string]string) bool {
		return stanza["extra-source-only"] == "yes"
	}), err
}

func (a *Apt) cache(ctx context.Context, args []string) ([]map[string]string, error) {
	out, err := output(ctx, "", "apt-cache", append([]string{"-c", filepath.Join(a.Dir, "apt.conf")}, args...)...)
	if err != nil {
		return nil, err
	}
	return splitStanzas(out), nil
}

func (a *Apt) get(ctx context.Context, dir string, args ...string) error {
	return run(ctx, dir, "apt-get", append([]string{"-q", "-c", filepath.Join(a.Dir, "apt.conf")}, args...)...)
}

func run(ctx context.Context, dir, name string, args ...string) error {
	_, err := output(ctx, dir, name, args...)
	return err
}

// output runs a program of apt and returns what it prints. Its complaints
// become the error.
func output(ctx context.Context, dir, name string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "LC_ALL=C", "DEBIAN_FRONTEND=noninteractive")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	cmd.WaitDelay = time.Second
	out, err := cmd.Output()
	if err == nil {
		return out, nil
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	var complaints []string
	for line := range strings.Lines(stderr.String()) {
		if line = strings.TrimSpace(line); strings.HasPrefix(line, "E: ") && line != "E: Download Failed" {
			complaints = append(complaints, strings.TrimPrefix(line, "E: "))
		}
	}
	if len(complaints) == 0 {
		return nil, fmt.Errorf("%s: %w: %s", filepath.Base(name), err, strings.TrimSpace(stderr.String()))
	}
	return nil, fmt.Errorf("%s: %s", filepath.Base(name), strings.Join(complaints, "; "))
}

// lockFile takes an exclusive lock between processes, waiting for it.
func lockFile(name string) (unlock func(), err error) {
	file, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	for {
		err = unix.Flock(int(file.Fd()), unix.LOCK_EX)
		if err != unix.EINTR {
			break
		}
	}
	if err != nil {
		file.Close()
		return nil, fmt.Errorf("locking '%s': %w", name, err)
	}
	return func() { file.Close() }, nil
}
