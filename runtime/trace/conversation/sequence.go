package conversation

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// diagram is a conversation as a sequence diagram: actors side by side, and one line after the other.
type diagram struct {
	actors []string // what they are called
	lines  []diagramLine
}

// diagramLine is an arrow from one actor to another, or, if both are the same, what one does for itself.
type diagramLine struct {
	at       time.Duration // since the beginning
	from, to int
	words    string
	remarks  []string
	lost     bool // the message was not handled
}

func (c *Conversation) diagram() diagram {
	names, began := NamesIn(c), c.began()
	d, place := diagram{}, map[string]int{}
	column := func(pid string) int {
		i, known := place[pid]
		if !known {
			i = len(d.actors)
			place[pid] = i
			d.actors = append(d.actors, names.Of(pid))
		}
		return i
	}
	var steps []*Step
	for s := range c.Steps {
		steps = append(steps, s)
	}
	slices.SortStableFunc(steps, func(x, y *Step) int { return x.At().Compare(y.At()) })
	for _, s := range steps {
		from := cmp.Or(s.From, s.To)
		if !s.isMessage() && s.Kind != "exit" {
			from = s.To // whom a call answers does not speak
		}
		d.lines = append(d.lines, diagramLine{
			at: s.At().Sub(began), from: column(from), to: column(s.To), words: s.Words(), remarks: s.Remarks(),
			lost: s.Dropped != "",
		})
	}
	return d
}

// What the text of a sequence diagram is made of.
const (
	columnWidth = 16
	nameWidth   = columnWidth - 2
)

// Sequence draws the conversation as a sequence diagram for a terminal: a column for each actor, an arrow for each message,
// and the words at the end of the line.
func (c *Conversation) Sequence() string {
	d := c.diagram()
	var b strings.Builder
	if len(d.lines) == 0 {
		return ""
	}
	b.WriteString(strings.Repeat(" ", 12))
	for _, name := range d.actors {
		fmt.Fprintf(&b, "%-*s", columnWidth, clip(name, nameWidth))
	}
	b.WriteByte('\n')
	for _, l := range d.lines {
		fmt.Fprintf(&b, "%10.6f  %s %s", l.at.Seconds(), l.draw(len(d.actors)), l.words)
		if len(l.remarks) > 0 {
			fmt.Fprintf(&b, "  [%s]", strings.Join(l.remarks, ", "))
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// draw is the line below the names of so many actors.
func (l diagramLine) draw(actors int) string {
	row := []rune(strings.Repeat("│"+strings.Repeat(" ", columnWidth-1), actors))
	left, right := min(l.from, l.to)*columnWidth, max(l.from, l.to)*columnWidth
	if left == right {
		row[left] = '●'
		return string(row)
	}
	for i := left + 1; i < right; i++ {
		if row[i] = '─'; i%columnWidth == 0 {
			row[i] = '┼'
		}
	}
	head := map[bool]rune{true: '▶', false: '◀'}[l.to > l.from]
	if l.lost {
		head = '✕'
	}
	if l.to > l.from {
		row[left], row[right-1] = '├', head
	} else {
		row[right], row[left+1] = '┤', head
	}
	return string(row)
}

// clip shortens s to so many letters.
func clip(s string, most int) string {
	if letters := []rune(s); len(letters) > most {
		return string(letters[:most-1]) + "…"
	}
	return s
}

// Mermaid writes the conversation as a sequence diagram in the language of mermaid.js.org, which many viewers of Markdown
// draw.
func (c *Conversation) Mermaid() string {
	var b strings.Builder
	b.WriteString("sequenceDiagram\n")
	d := c.diagram()
	for i, name := range d.actors {
		fmt.Fprintf(&b, "    participant a%d as %s\n", i, mermaidText(name))
	}
	for _, l := range d.lines {
		words := mermaidText(fmt.Sprintf("%.6f %s", l.at.Seconds(), l.words))
		if l.from == l.to {
			fmt.Fprintf(&b, "    Note over a%d: %s\n", l.to, words)
			continue
		}
		arrow := "->>"
		if l.lost {
			arrow = "-x"
		}
		fmt.Fprintf(&b, "    a%d%sa%d: %s\n", l.from, arrow, l.to, words)
	}
	return b.String()
}

// mermaidText escapes what has a meaning to Mermaid.
func mermaidText(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case strings.ContainsRune("#;<>&\"{}[]%`\\", r) || r < ' ':
			fmt.Fprintf(&b, "#%d;", r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}
