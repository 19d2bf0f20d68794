package builtins

import (
	"time"

	"github.com/seed192a40f6/glang/lang/eval"
)

func currentTime(*machine) value { return eval.Int(time.Now().Unix()) }

func nixPath(m *machine) value {
	search := m.E.Options().NixPath
	out := m.NewList(len(search))
	for i, e := range search {
		out[i] = m.NewValue(eval.AttrsValue(m.NewAttrs(2).
			PutName("path", eval.String(e.Path, 0)).
			PutName("prefix", eval.String(e.Prefix, 0)).Build()))
	}
	return eval.List(out)
}
