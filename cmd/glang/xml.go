package main

import (
	"io"
	"strings"
)

// xmlWriter writes XML with two spaces an element deep.
type xmlWriter struct {
	w    io.Writer
	open []string
}

func newXMLWriter(w io.Writer) *xmlWriter {
	_, _ = io.WriteString(w, "<?xml version='1.0' encoding='utf-8'?>\n")
	return &xmlWriter{w: w}
}

var xmlEscapes = strings.NewReplacer(`"`, "&quot;", "<", "&lt;", ">", "&gt;", "&", "&amp;", "\n", "&#xA;")

func (x *xmlWriter) tag(name string, attrs map[string]string, end string) {
	var b strings.Builder
	b.WriteString(strings.Repeat("  ", len(x.open)) + "<" + name)
	for _, k := range sortedNames(attrs) {
		b.WriteString(" " + k + `="` + xmlEscapes.Replace(attrs[k]) + `"`)
	}
	b.WriteString(end + "\n")
	_, _ = io.WriteString(x.w, b.String())
}

func (x *xmlWriter) begin(name string, attrs map[string]string) {
	x.tag(name, attrs, ">")
	x.open = append(x.open, name)
}

func (x *xmlWriter) end() {
	name := x.open[len(x.open)-1]
	x.open = x.open[:len(x.open)-1]
	_, _ = io.WriteString(x.w, strings.Repeat("  ", len(x.open))+"</"+name+">\n")
}

func (x *xmlWriter) empty(name string, attrs map[string]string) { x.tag(name, attrs, " />") }
