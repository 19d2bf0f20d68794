package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/seed192a40f6/glang/derivation"
	"github.com/seed192a40f6/glang/lang/ast"
	"github.com/seed192a40f6/glang/lang/eval"
	"github.com/seed192a40f6/glang/local"
	"github.com/seed192a40f6/glang/store/storepath"
)

// envQuery is nix-env -q: which packages, and what to show of them.
type envQuery struct {
	*envRun
	available, status, noName, attrPath, system, drvPath, outPath bool
	description, meta, compare, xml, json                         bool
	attr                                                          string

	others    []*local.Package // what versions are compared with
	installed map[storepath.Path]bool
	out       *xmlWriter
}

func (r *envRun) query() error {
	q := &envQuery{envRun: r, installed: map[storepath.Path]bool{}}
	for i := 0; i < len(r.flags); i++ {
		switch fl := r.flags[i]; fl {
		case "--status", "-s":
			q.status = true
		case "--no-name":
			q.noName = true
		case "--system":
			q.system = true
		case "--description":
			q.description = true
		case "--compare-versions", "-c":
			q.compare = true
		case "--drv-path":
			q.drvPath = true
		case "--out-path":
			q.outPath = true
		case "--meta":
			q.meta = true
		case "--installed":
			q.available = false
		case "--available", "-a":
			q.available = true
		case "--xml":
			q.xml = true
		case "--json":
			q.json = true
		case "--attr-path", "-P":
			q.attrPath = true
		case "--attr", "-A":
			i++
			q.attr = r.flags[i]
		default:
			return usagef("unknown flag '%s'", fl)
		}
	}
	if q.attrPath && !q.available {
		return usagef("--attr-path(-P) only works with --available")
	}
	return r.x.Do(q.run)
}

// run does the query; within Do.
func (q *envQuery) run() {
	var installed, available []*local.Package
	if !q.available || q.compare || q.status {
		installed = q.envRun.installed()
	}
	if q.available || q.compare {
		available = q.envRun.available(q.attr)
	}
	pool, others := installed, available
	if q.available {
		pool, others = available, installed
	}
	q.others = others
	list := q.filterPackages(pool, q.args, false)
	sortLikeReference(list, func(a, b *local.Package) bool {
		return strings.ToUpper(a.Name) < strings.ToUpper(b.Name)
	})
	if q.status {
		for _, p := range installed {
			q.installed[p.OutPath()] = true
		}
	}
	switch {
	case q.json:
		q.printJSON(list)
	case q.xml:
		q.out = newXMLWriter(q.app.stdout)
		q.out.begin("items", nil)
		for _, p := range list {
			q.guard(p, func() { q.xmlItem(p) })
		}
		q.out.end()
	default:
		var table [][]string
		for _, p := range list {
			q.guard(p, func() {
				if row, ok := q.row(p); ok {
					table = append(table, row)
				}
			})
		}
		printTable(q.app.stdout, table)
	}
}

// guard shows a package; one that fails an assertion is left out.
func (q *envQuery) guard(p *local.Package, show func()) {
	f := q.x.Catch(show)
	if f == nil {
		return
	}
	if f.Kind().Catchable() {
		q.app.logf(levelTalkative, "skipping derivation named '%s' which gives an assertion failure", p.Name)
		return
	}
	f.WithTrace(ast.NoPos, eval.Messagef("while querying the derivation named '%s'", p.Name)).Throw()
}

func (q *envQuery) show(p storepath.Path) string { return q.app.session.Scheme.Print(p) }

// state is whether a package is installed, valid, and can be substituted.
func (q *envQuery) state(p *local.Package) (installed, valid, substitutable bool) {
	out := p.OutPath()
	ok, err := q.app.session.API.IsValid(out)
	return q.installed[out], err == nil && ok, q.app.substitutable(out)
}

// skipped says whether --prebuilt-only leaves a package out.
func (q *envQuery) skipped(p *local.Package) bool {
	return q.prebuilt && !q.isPrebuilt(p) && !q.app.substitutable(p.OutPath())
}

// version compares a package with those of the same name elsewhere.
func (q *envQuery) version(p *local.Package) (mark byte, version string) {
	n := derivation.ParseName(p.Name)
	mark, version = '-', "?"
	for _, o := range q.others {
		m := derivation.ParseName(o.Name)
		if m.Name != n.Name {
			continue
		}
		switch d := derivation.CompareVersions(n.Version, m.Version); {
		case d < 0:
			mark, version = '<', m.Version
		case mark != '<' && d == 0:
			mark, version = '=', m.Version
		case mark != '<' && mark != '=' && d > 0:
			mark = '>'
			if version == "" || derivation.CompareVersions(version, m.Version) < 0 {
				version = m.Version
			}
		}
	}
	return mark, version
}

// row is a line of the table.
func (q *envQuery) row(p *local.Package) (row []string, ok bool) {
	if q.skipped(p) {
		return nil, false
	}
	letter := func(b bool, s string) string {
		if b {
			return s
		}
		return "-"
	}
	if q.status {
		i, v, s := q.state(p)
		row = append(row, letter(i, "I")+letter(v, "P")+letter(s, "S"))
	}
	if q.attrPath {
		row = append(row, p.AttrPath)
	}
	if !q.noName {
		row = append(row, p.Name)
	}
	if q.compare {
		mark, v := q.version(p)
		row = append(row, string(mark)+" "+v)
	}
	if q.system {
		row = append(row, p.System())
	}
	if q.drvPath {
		s := "-"
		if p.HasDrvPath() {
			s = q.show(p.DrvPath())
		}
		row = append(row, s)
	}
	if q.outPath {
		var parts []string
		for _, o := range sortedOutputs(p.Outputs(true, false)) {
			s := q.show(o.Path)
			if o.Name != "out" {
				s = o.Name + "=" + s
			}
			parts = append(parts, s)
		}
		row = append(row, strings.Join(parts, ";"))
	}
	if q.description {
		row = append(row, p.MetaString("description"))
	}
	return row, true
}

func sortedOutputs(out []local.Output) []local.Output {
	slices.SortFunc(out, func(a, b local.Output) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// printTable prints rows with aligned columns.
func printTable(w io.Writer, rows [][]string) {
	var widths []int
	for _, r := range rows {
		for i, c := range r {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], len(c))
		}
	}
	for _, r := range rows {
		var b strings.Builder
		for i, c := range r {
			b.WriteString(strings.ReplaceAll(c, "\n", " "))
			if i < len(r)-1 {
				b.WriteString(strings.Repeat(" ", widths[i]-len(c)+2))
			}
		}
		fmt.Fprintln(w, b.String())
	}
}

// xmlItem writes a package as XML.
func (q *envQuery) xmlItem(p *local.Package) {
	if q.skipped(p) {
		return
	}
	n := derivation.ParseName(p.Name)
	attrs := map[string]string{"attrPath": p.AttrPath, "name": n.Full, "pname": n.Name, "version": n.Version}
	flag := func(name string, b bool) {
		attrs[name] = "0"
		if b {
			attrs[name] = "1"
		}
	}
	if q.status {
		i, v, s := q.state(p)
		flag("installed", i)
		flag("valid", v)
		flag("substitutable", s)
	}
	if q.compare {
		if mark, v := q.version(p); mark != '-' {
			attrs["versionDiff"], attrs["maxComparedVersion"] = string(mark), v
		}
	}
	if s := p.System(); s != "" {
		attrs["system"] = s
	}
	if q.drvPath && p.HasDrvPath() {
		attrs["drvPath"] = q.show(p.DrvPath())
	}
	attrs["outputName"] = p.OutputName()
	if d := p.MetaString("description"); q.description && d != "" {
		attrs["description"] = d
	}
	q.out.begin("item", attrs)
	for _, o := range sortedOutputs(p.Outputs(q.outPath, false)) {
		oa := map[string]string{"name": o.Name}
		if q.outPath {
			oa["path"] = q.show(o.Path)
		}
		q.out.empty("output", oa)
	}
	if q.meta {
		for _, name := range p.MetaNames() {
			q.xmlMeta(p, name)
		}
	}
	q.out.end()
}

func (q *envQuery) xmlMeta(p *local.Package, name string) {
	v := p.Meta(name)
	if v == nil {
		q.badMeta(p, name)
		return
	}
	attrs := map[string]string{"name": name}
	simple := func(kind, value string) {
		attrs["type"], attrs["value"] = kind, value
		q.out.empty("meta", attrs)
	}
	switch v.Kind() {
	case eval.KindString:
		simple("string", v.Str())
	case eval.KindInt:
		simple("int", strconv.FormatInt(v.Int(), 10))
	case eval.KindFloat:
		simple("float", fmt.Sprintf("%g", v.Float()))
	case eval.KindBool:
		simple("bool", strconv.FormatBool(v.Bool()))
	case eval.KindList:
		attrs["type"] = "strings"
		q.out.begin("meta", attrs)
		for _, e := range v.List() {
			if e.Kind() == eval.KindString {
				q.out.empty("string", map[string]string{"value": e.Str()})
			}
		}
		q.out.end()
	case eval.KindAttrs:
		attrs["type"] = "strings"
		q.out.begin("meta", attrs)
		for a := range v.Attrs().Ordered(q.x.Machine) {
			if a.Value.Kind() == eval.KindString {
				q.out.empty("string", map[string]string{"type": q.x.E.Symbols.Name(a.Name), "value": a.Value.Str()})
			}
		}
		q.out.end()
	}
}

func (q *envQuery) badMeta(p *local.Package, name string) {
	fmt.Fprintf(os.Stderr, "derivation '%s' has invalid meta attribute '%s'\n", p.Name, name)
}

// printJSON prints packages as an object by attribute path.
func (q *envQuery) printJSON(list []*local.Package) {
	all := map[string]any{}
	for _, p := range list {
		q.guard(p, func() {
			// A package that fails an assertion is shown as far as it got, as the
			// reference does.
			all[p.AttrPath] = nil
			n := derivation.ParseName(p.Name)
			o := map[string]any{"name": n.Full, "pname": n.Name, "version": n.Version, "system": p.System(), "outputName": p.OutputName()}
			all[p.AttrPath] = o
			outputs := map[string]any{}
			for _, out := range p.Outputs(q.outPath, false) {
				outputs[out.Name] = nil
				if q.outPath {
					outputs[out.Name] = q.show(out.Path)
				}
			}
			o["outputs"] = outputs
			if q.drvPath && p.HasDrvPath() {
				o["drvPath"] = q.show(p.DrvPath())
			}
			if q.meta {
				meta := map[string]any{}
				o["meta"] = meta
				for _, name := range p.MetaNames() {
					meta[name] = nil
					if v := p.Meta(name); v != nil {
						text, _ := q.x.ToJSON(v, ast.NoPos, true, true)
						meta[name] = json.RawMessage(text)
					} else {
						q.badMeta(p, name)
					}
				}
			}
		})
	}
	if err := q.app.printJSON(all, true); err != nil {
		q.x.FailErr(ast.NoPos, err)
	}
}

// substitutable says whether a substituter has a path.
func (a *app) substitutable(p storepath.Path) bool { return a.session.Substitutable(a.context(), p) }
