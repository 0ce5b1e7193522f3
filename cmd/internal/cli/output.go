package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"
)

// rows is a table in the making.
type rows struct {
	header []any
	lines  [][]any
}

func table(header ...any) *rows { return &rows{header: header} }

func (r *rows) add(cells ...any) { r.lines = append(r.lines, cells) }

// write writes the columns side by side, two spaces apart.
func (r *rows) write(w io.Writer) error {
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, line := range append([][]any{r.header}, r.lines...) {
		for i, cell := range line {
			if i > 0 {
				fmt.Fprint(out, "\t")
			}
			fmt.Fprint(out, cell)
		}
		fmt.Fprintln(out)
	}
	return out.Flush()
}

// writeJSON writes what a cluster answered, indented, with its numbers and its order of fields left alone.
func writeJSON(w io.Writer, text json.RawMessage) error {
	var out bytes.Buffer
	if err := json.Indent(&out, text, "", "    "); err != nil {
		return fmt.Errorf("print an answer: %w", err)
	}
	out.WriteByte('\n')
	_, err := out.WriteTo(w)
	return err
}
