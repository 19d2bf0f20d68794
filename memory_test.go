package glang_test

import (
	"context"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed192a40f6/glang"
)

// TestFreed: an evaluator that nobody uses any more is garbage with all that it
// holds, and so is a result whose evaluator lives on.
func TestFreed(t *testing.T) {
	const count = 50
	var freed atomic.Int32
	for range count {
		e := evaluator(t, glang.Options{})
		runtime.AddCleanup(e, func(int) { freed.Add(1) }, 0)
		for _, text := range []string{`(import <std>).lib.range 1 3`, `builtins.tryEval (throw "x")`, `1 +`, `{ }.x`} {
			v, err := e.Eval(context.Background(), text)
			if err == nil {
				_ = v.String()
			}
		}
	}
	for tries := 0; freed.Load() < count; tries++ {
		if runtime.GC(); tries == 100 {
			t.Fatalf("of %d evaluators %d are garbage", count, freed.Load())
		}
		time.Sleep(time.Millisecond)
	}

	e := evaluator(t, glang.Options{})
	alive := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.GC() // pools keep what they have over one collection
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := alive()
	const large = `let f = n: if n == 0 then [ ] else [ n ] ++ f (n - 1); in builtins.deepSeq (f 1500) (builtins.genList (i: [ i ]) 200000)`
	if _, err := e.Eval(context.Background(), large); err != nil {
		t.Fatal(err)
	}
	if grown := int64(alive()) - int64(before); grown > 2<<20 {
		t.Errorf("%d bytes are left of a result of which nothing is left", grown)
	}
	runtime.KeepAlive(e)
}
