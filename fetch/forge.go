//go:build unix

package fetch

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/seed192a40f6/glang/store/storepath"
)

// forgeHosts are the hosts of forges that are not named.
var forgeHosts = map[string]string{"github": "github.com", "gitlab": "gitlab.com", "sourcehut": "git.sr.ht"}

// forge fetches the archive that a code forge makes of a revision.
func (f *Fetcher) forge(ctx context.Context, kind string, in input, locked map[string]any) (storepath.Path, error) {
	r := forgeRepo{f: f, kind: kind, owner: in.text("owner"), repo: in.text("repo"), host: in.text("host")}
	if r.host == "" {
		r.host = forgeHosts[kind]
	}
	rev := in.text("rev")
	if rev == "" {
		ref := in.text("ref")
		if ref == "" {
			ref = "HEAD"
		}
		var err error
		if rev, err = r.resolve(ctx, ref); err != nil {
			return storepath.Path{}, err
		}
	}
	e, err := f.tarball(ctx, r.archive(rev), in.name())
	if err != nil {
		return storepath.Path{}, err
	}
	delete(locked, "ref") // the revision says it all
	locked["rev"], locked["lastModified"] = rev, e.Modified
	return e.Path, nil
}

// forgeRepo is a repository of a code forge.
type forgeRepo struct {
	f                       *Fetcher
	kind, owner, repo, host string
}

func (r *forgeRepo) header() http.Header {
	h := http.Header{}
	token := r.f.o.Tokens[r.host]
	if token == "" {
		return h
	}
	switch r.kind {
	case "github":
		h.Set("Authorization", "token "+token)
	case "gitlab":
		if kind, value, ok := strings.Cut(token, ":"); ok {
			if kind == "OAuth2" {
				h.Set("Authorization", "Bearer "+value)
			} else {
				h.Set("Private-token", value)
			}
		}
	}
	return h
}

func (r *forgeRepo) archive(rev string) string {
	switch r.kind {
	case "gitlab":
		return fmt.Sprintf("https://%s/api/v4/projects/%s%%2F%s/repository/archive.tar.gz?sha=%s", r.host, r.owner, r.repo, rev)
	case "sourcehut":
		return fmt.Sprintf("https://%s/%s/%s/archive/%s.tar.gz", r.host, r.owner, r.repo, rev)
	}
	return fmt.Sprintf("https://%s/%s/%s/archive/%s.tar.gz", r.host, r.owner, r.repo, rev)
}

// resolve finds the revision of a branch or tag.
func (r *forgeRepo) resolve(ctx context.Context, ref string) (string, error) {
	switch r.kind {
	case "github":
		api := "https://api.github.com"
		if r.host != "github.com" {
			api = "https://" + r.host + "/api/v3"
		}
		text, err := r.get(ctx, fmt.Sprintf("%s/repos/%s/%s/commits/%s", api, r.owner, r.repo, url.PathEscape(ref)))
		if err != nil {
			return "", err
		}
		var commit struct{ SHA string }
		if err := json.Unmarshal(text, &commit); err != nil {
			return "", err
		}
		return commit.SHA, nil
	case "gitlab":
		text, err := r.get(ctx, fmt.Sprintf("https://%s/api/v4/projects/%s%%2F%s/repository/commits?ref_name=%s", r.host, r.owner, r.repo, url.QueryEscape(ref)))
		if err != nil {
			return "", err
		}
		var commits []struct{ ID string }
		if err := json.Unmarshal(text, &commits); err != nil {
			return "", err
		}
		if len(commits) == 0 {
			return "", fmt.Errorf("no commits returned by GitLab API -- does the git ref really exist?")
		}
		return commits[0].ID, nil
	}
	return r.resolveRefs(ctx, ref)
}

// resolveRefs reads the list of refs that git servers give.
func (r *forgeRepo) resolveRefs(ctx context.Context, ref string) (string, error) {
	base := fmt.Sprintf("https://%s/%s/%s", r.host, r.owner, r.repo)
	names := []string{"refs/heads/" + ref, "refs/tags/" + ref}
	if ref == "HEAD" {
		text, err := r.get(ctx, base+"/HEAD")
		if err != nil {
			return "", err
		}
		name, ok := strings.CutPrefix(strings.TrimSpace(string(text)), "ref: ")
		if !ok {
			return "", fmt.Errorf("ref is HEAD, but it cannot be resolved in '%s'", base)
		}
		names = []string{name}
	}
	text, err := r.get(ctx, base+"/info/refs")
	if err != nil {
		return "", err
	}
	for s := bufio.NewScanner(bytes.NewReader(text)); s.Scan(); {
		rev, name, _ := strings.Cut(s.Text(), "\t")
		for _, n := range names {
			if n == name {
				return rev, nil
			}
		}
	}
	return "", fmt.Errorf("in '%s', couldn't find ref '%s'", base, ref)
}

func (r *forgeRepo) get(ctx context.Context, address string) ([]byte, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, err
	}
	dir, err := r.f.tempDir()
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "answer")
	if _, _, _, err := r.f.getHTTP(ctx, u, file, "", r.header()); err != nil {
		return nil, err
	}
	return os.ReadFile(file)
}
