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

// rows is a table under construction.
type rows struct {
	header []any
	lines  [][]any
}

func table(header ...any) *rows { return &rows{header: header} }

func (r *rows) add(cells ...any) { r.lines = append(r.lines, cells) }

// write writes the columns two spaces apart, aligned by their width on a terminal.
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

// printable escapes characters that would move the cursor or change colors, since names in a cluster are untrusted.
func printable(s string) string {
	if strings.IndexFunc(s, func(r rune) bool { return !unicode.IsPrint(r) || r == unicode.ReplacementChar }) < 0 {
		return s
	}
	quoted := strconv.Quote(s)
	return quoted[1 : len(quoted)-1]
}

// writeJSON writes a response indented, with its numbers and the order of its fields unchanged.
func writeJSON(w io.Writer, text json.RawMessage) error {
	var out bytes.Buffer
	if err := json.Indent(&out, text, "", "    "); err != nil {
		return fmt.Errorf("print response: %w", err)
	}
	out.WriteByte('\n')
	_, err := out.WriteTo(w)
	return err
}
