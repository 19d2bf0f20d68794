//go:build unix

package debian

import (
	"bufio"
	"bytes"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/seed192a40f6/glang/internal/lazyre"
)

// Entry is one line or stanza of apt's sources: where a repository lies and
// which keyring vouches for it.
type Entry struct {
	Types      []string // "deb", "deb-src"
	URIs       []string // "http://mirror.example.org/debian", no slash at the end
	Suites     []string // "bookworm", "bookworm-updates", …
	Components []string // "main", …
	SignedBy   string   // path of a keyring, or the key itself; "" is apt's default
	Trusted    string   // "yes" where the user told apt not to verify
}

// ReadSources reads the apt sources below etc ("/etc/apt"): sources.list and
// what lies in sources.list.d, in both of apt's formats. A missing file or folder is
// no error; lines that are not understood are skipped, as they are apt's
// business to complain about.
func ReadSources(etc string) ([]Entry, error) {
	files := []string{filepath.Join(etc, "sources.list")}
	parts, err := os.ReadDir(filepath.Join(etc, "sources.list.d"))
	if err != nil && !os.IsNotExist(err) {
		return nil, err
	}
	for _, part := range parts {
		if ext := filepath.Ext(part.Name()); ext == ".list" || ext == ".sources" {
			files = append(files, filepath.Join(etc, "sources.list.d", part.Name()))
		}
	}
	var entries []Entry
	for _, file := range files {
		text, err := os.ReadFile(file)
		if os.IsNotExist(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if filepath.Ext(file) == ".sources" {
			entries = append(entries, parseStanzas(text)...)
		} else {
			entries = append(entries, parseLines(text)...)
		}
	}
	return entries, nil
}

// parseLines reads the one-line format: `deb [option=value …] uri suite
// component …`.
func parseLines(text []byte) []Entry {
	var entries []Entry
	for line := range strings.Lines(string(text)) {
		line, _, _ = strings.Cut(line, "#")
		kind, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		if kind != "deb" && kind != "deb-src" {
			continue
		}
		entry := Entry{Types: []string{kind}}
		rest = strings.TrimSpace(rest)
		if strings.HasPrefix(rest, "[") {
			options, after, closed := strings.Cut(rest[1:], "]")
			if !closed {
				continue
			}
			rest = after
			for _, option := range strings.Fields(options) {
				name, value, _ := strings.Cut(option, "=")
				switch strings.ToLower(name) {
				case "signed-by":
					entry.SignedBy = value
				case "trusted":
					entry.Trusted = value
				}
			}
		}
		words := strings.Fields(rest)
		if len(words) < 2 {
			continue
		}
		entry.URIs = []string{strings.TrimRight(words[0], "/")}
		entry.Suites = words[1:2]
		entry.Components = words[2:]
		entries = append(entries, entry)
	}
	return entries
}

// parseStanzas reads the deb822 format: stanzas of `Field: value`, values
// continued on indented lines.
func parseStanzas(text []byte) []Entry {
	var entries []Entry
	for _, stanza := range splitStanzas(text) {
		if enabled := strings.ToLower(stanza["enabled"]); enabled == "no" || enabled == "false" || enabled == "0" {
			continue
		}
		entry := Entry{
			Types:      strings.Fields(stanza["types"]),
			URIs:       strings.Fields(stanza["uris"]),
			Suites:     strings.Fields(stanza["suites"]),
			Components: strings.Fields(stanza["components"]),
			SignedBy:   stanza["signed-by"],
			Trusted:    stanza["trusted"],
		}
		for i, uri := range entry.URIs {
			entry.URIs[i] = strings.TrimRight(uri, "/")
		}
		if len(entry.URIs) > 0 && len(entry.Suites) > 0 {
			entries = append(entries, entry)
		}
	}
	return entries
}

// splitStanzas reads Debian's control format into one map a stanza, field
// names in lower case. Continuation lines keep their indentation and are
// joined by newlines.
func splitStanzas(text []byte) []map[string]string {
	var stanzas []map[string]string
	var current map[string]string
	field := ""
	scanner := bufio.NewScanner(bytes.NewReader(text))
	scanner.Buffer(nil, len(text)+1)
	for scanner.Scan() {
		line := scanner.Text()
		switch {
		case strings.HasPrefix(line, "#"):
		case strings.TrimSpace(line) == "":
			current, field = nil, ""
		case line[0] == ' ' || line[0] == '\t':
			if field != "" {
				current[field] += "\n" + line
			}
		default:
			name, value, found := strings.Cut(line, ":")
			if !found {
				field = ""
				continue
			}
			if current == nil {
				current = map[string]string{}
				stanzas = append(stanzas, current)
			}
			field = strings.ToLower(name)
			current[field] = strings.TrimSpace(value)
		}
	}
	return stanzas
}

var debianSuite = lazyre.New(`^(stable|oldstable|oldoldstable|testing|unstable|sid|experimental|` +
	`buster|bullseye|bookworm|trixie|forky|duke)(-updates|-security|-backports|-proposed-updates|/updates)?$`)

// IsDebian tells whether the entry is a mirror of Debian's own main archive,
// as opposed to a third party's repository that is built for Debian, or to
// Debian's security archive, which is laid out apart.
func (e Entry) IsDebian() bool {
	if !slices.Contains(e.Components, "main") || !slices.ContainsFunc(e.Suites, debianSuite().MatchString) {
		return false
	}
	if slices.ContainsFunc(e.Suites, func(suite string) bool {
		return strings.HasSuffix(suite, "-security") || strings.HasSuffix(suite, "/updates")
	}) {
		return false
	}
	if strings.Contains(e.SignedBy, "debian-archive") {
		return true
	}
	// Without a keyring of its own an entry is vouched for by apt's trusted
	// keys; the name of the folder is then the best there is to go by.
	return e.SignedBy == "" && slices.ContainsFunc(e.URIs, func(uri string) bool {
		return strings.HasPrefix(path.Base(uri), "debian") || strings.HasPrefix(uri, "mirror")
	})
}

// roots gives the addresses below which the files of the archive lie, each
// once. An address that names a list of mirrors (mirror+file:) stands for the
// addresses in that list.
func roots(entries []Entry) []string {
	var found []string
	add := func(uri string) {
		uri = strings.TrimRight(uri, "/")
		if !slices.Contains(found, uri) {
			found = append(found, uri)
		}
	}
	for _, entry := range entries {
		if !entry.IsDebian() {
			continue
		}
		for _, uri := range entry.URIs {
			list, isList := strings.CutPrefix(uri, "mirror+file:")
			if !isList {
				add(uri)
				continue
			}
			text, err := os.ReadFile("/" + strings.TrimLeft(list, "/"))
			if err != nil {
				// The entry is as unusable to apt as to us; the others may do.
				continue
			}
			for line := range strings.Lines(string(text)) {
				if words := strings.Fields(line); len(words) > 0 && !strings.HasPrefix(words[0], "#") {
					add(words[0])
				}
			}
		}
	}
	return found
}
