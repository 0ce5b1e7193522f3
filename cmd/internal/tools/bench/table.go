package main

import (
	"io"

	"github.com/jedib0t/go-pretty/v6/table"
)

// render writes the results, group by group.
func render(out io.Writer, results []result) {
	t := table.NewWriter()
	t.SetOutputMirror(out)
	t.SetStyle(table.StyleLight)
	t.AppendHeader(table.Row{"", "benchmark", "ours", "theirs", "ratio", "goal", "met"})
	for i, r := range results {
		group := r.group
		if i > 0 && results[i-1].group == group {
			group = ""
		} else if i > 0 {
			t.AppendSeparator()
		}
		ours, theirs, ratio, goal, met := r.cells()
		t.AppendRow(table.Row{group, r.name, ours, theirs, ratio, goal, met})
	}
	t.Render()
}
