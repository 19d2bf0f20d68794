package flakeref

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const hashA = "sha256-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

// lockText has shared, followed and data inputs.
const lockText = `{
  "nodes": {
    "a": {
      "inputs": {
        "b": "b",
        "c": [
          "b"
        ]
      },
      "locked": {
        "lastModified": 86400,
        "narHash": "` + hashA + `",
        "path": "/a",
        "type": "path"
      },
      "original": {
        "path": "/a",
        "type": "path"
      }
    },
    "b": {
      "locked": {
        "path": "./sub",
        "type": "path"
      },
      "original": {
        "path": "./sub",
        "type": "path"
      },
      "parent": [
        "a"
      ]
    },
    "b_2": {
      "flake": false,
      "locked": {
        "narHash": "` + hashA + `",
        "path": "/b",
        "type": "path"
      },
      "original": {
        "id": "b",
        "type": "indirect"
      }
    },
    "root": {
      "inputs": {
        "a": "a",
        "b": "b_2"
      }
    }
  },
  "root": "root",
  "version": 7
}
`

func parseLock(t *testing.T, text string) *LockFile {
	t.Helper()
	l, err := ParseLock([]byte(text), "flake.lock", func(s string) { t.Errorf("warning: %s", s) })
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestLockFile(t *testing.T) {
	l := parseLock(t, lockText)
	if diff := cmp.Diff(lockText, l.Text()); diff != "" {
		t.Error(diff)
	}
	var paths []string
	for _, in := range l.Inputs() {
		paths = append(paths, in.Path.String())
	}
	if diff := cmp.Diff([]string{"a", "a/b", "a/c", "b"}, paths); diff != "" {
		t.Error(diff)
	}
	n, err := l.Find(InputPath{"a", "c"})
	if err != nil || n == nil || n.IsFlake || n.Locked.Input["path"] != "/b" {
		t.Errorf("a/c is %v, %v", n, err)
	}
	if err := l.Check(); err != nil {
		t.Error(err)
	}
	if ref, ok := l.Unlocked(false); ok {
		t.Errorf("%v is not locked", ref)
	}
}

func TestLockFileDiff(t *testing.T) {
	old := parseLock(t, lockText)
	l := parseLock(t, strings.Replace(lockText, `"path": "/a",`, `"path": "/d",`, 1))
	delete(l.Root.Inputs["a"].Node.Inputs, "c")
	l.Root.Inputs["x"] = LockEdge{Follows: InputPath{"b"}}
	const want = `• Updated input 'a':
    'path:/a?lastModified=86400&narHash=sha256-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA%3D' (1970-01-02)
  → 'path:/d?lastModified=86400&narHash=sha256-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA%3D' (1970-01-02)
• Removed input 'a/c'
• Added input 'x':
    follows 'b'
`
	if diff := cmp.Diff(want, l.Diff(old, false)); diff != "" {
		t.Error(diff)
	}
}

func TestBadLockFiles(t *testing.T) {
	for text, want := range map[string]string{
		``:               "while parsing the lock file",
		`{"version": 4}`: "unsupported version 4",
		`{"version": 7, "root": "r", "nodes": {}}`:                                     "has no node 'r'",
		`{"version": 7, "root": "r", "nodes": {"r": {"inputs": {"a": "x"}}}}`:          "missing node 'x'",
		`{"version": 7, "root": "r", "nodes": {"r": {"inputs": {"a": "r"}}}}`:          "cycle to root node",
		`{"version": 7, "root": "r", "nodes": {"r": {"inputs": {"a": 1}}}}`:            "neither a node nor a path",
		`{"version": 7, "root": "r", "nodes": {"r": {"inputs": {"a": "x"}}, "x": {}}}`: "attribute 'locked' missing",
		`{"version": 7, "root": "r", "nodes": {"r": {"inputs": {"a": "x"}}, "x": {"locked": {"type": "git", "url": "file:///x"}, "original": {"type": "git", "url": "file:///x"}}}}`: "contains unlocked input",
	} {
		if _, err := ParseLock([]byte(text), "flake.lock", func(string) {}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
	cycle := NewLockFile()
	cycle.Root.Inputs["x"] = LockEdge{Follows: InputPath{"y"}}
	cycle.Root.Inputs["y"] = LockEdge{Follows: InputPath{"x"}}
	if err := cycle.Check(); err == nil || err.Error() != "follow cycle detected: [y -> x -> y]" {
		t.Errorf("cycle: %v", err)
	}
}
