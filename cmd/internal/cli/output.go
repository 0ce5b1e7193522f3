package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"

	"github.com/jedib0t/go-pretty/v6/text"
)

// rows is a table in the making.
type rows struct {
	header []any
	lines  [][]any
}

func table(header ...any) *rows { return &rows{header: header} }

func (r *rows) add(cells ...any) { r.lines = append(r.lines, cells) }

// write writes the columns side by side, two spaces apart, as wide as a terminal shows them.
func (r *rows) write(w io.Writer) error {
	var widths []int
	lines := make([][]string, 0, len(r.lines)+1)
	for _, cells := range append([][]any{r.header}, r.lines...) {
		line := make([]string, len(cells))
		for i, cell := range cells {
			line[i] = printable(fmt.Sprint(cell))
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], text.StringWidth(line[i]))
		}
		lines = append(lines, line)
	}
	var out bytes.Buffer
	for _, line := range lines {
		var padded strings.Builder
		for i, cell := range line {
			padded.WriteString(text.Pad(cell, widths[i]+2, ' '))
		}
		out.WriteString(strings.TrimRight(padded.String(), " ") + "\n")
	}
	_, err := out.WriteTo(w)
	return err
}

// printable escapes what would move the cursor, or change the colours, of who looks at a name that a stranger chose.
func printable(s string) string {
	if strings.IndexFunc(s, func(r rune) bool { return !unicode.IsPrint(r) || r == unicode.ReplacementChar }) < 0 {
		return s
	}
	quoted := strconv.Quote(s)
	return quoted[1 : len(quoted)-1]
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
