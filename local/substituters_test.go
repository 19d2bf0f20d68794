package local

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/seed192a40f6/glang/store/storepath"
)

// TestSubstitutableAsksOnce: a cache that does not answer is asked what it is
// once, not for each path.
func TestSubstitutableAsksOnce(t *testing.T) {
	asked := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked++
		w.WriteHeader(http.StatusForbidden)
	}))
	defer server.Close()
	settings := NewSettings()
	if err := settings.Set("substituters", server.URL); err != nil {
		t.Fatal(err)
	}
	s := &Session{Settings: settings, Dirs: &Dirs{Tool: true}, Scheme: storepath.Nix("/nix/store")}
	p, err := storepath.ParseBase("g76zcpqc540lrc8i6g7xy6ip0npn2hnp-a")
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if s.Substitutable(t.Context(), p) {
			t.Error("a cache that refuses everything has a path")
		}
	}
	if asked != 1 {
		t.Errorf("asked %d times, want 1", asked)
	}
}
