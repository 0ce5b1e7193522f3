package conversation

import (
	"fmt"
	"html"
	"strings"
	"unicode/utf8"
)

// What a drawing is made of, in pixels.
const (
	svgColumn = 190
	svgRow    = 26
	svgTop    = 50
	svgLeft   = 110
	svgLetter = 7 // at most, on average
)

// svgStyle makes words stand out from the lines that they cross.
const svgStyle = `<style>text{paint-order:stroke;stroke:#fff;stroke-width:3px}</style>`

// SVG draws the conversation as a sequence diagram.
func (c *Conversation) SVG() string {
	d := c.diagram()
	var b strings.Builder
	width, height := svgLeft+svgColumn*max(1, len(d.actors)), svgTop+svgRow*(len(d.lines)+1)
	for _, l := range d.lines {
		width = max(width, l.wordsAt()+svgLetter*(utf8.RuneCountInString(l.words)+2))
	}
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" font-family="sans-serif" font-size="12">`+"\n",
		width, height, width, height)
	b.WriteString(svgStyle + `<rect width="100%" height="100%" fill="#fff"/>` + "\n")
	for i, name := range d.actors {
		x := svgLeft + svgColumn*i
		fmt.Fprintf(&b, `<line x1="%d" y1="%d" x2="%d" y2="%d" stroke="#ccc"/><text x="%d" y="24" text-anchor="middle" font-weight="bold">%s</text>`+"\n",
			x, svgTop-14, x, height, x, html.EscapeString(clip(name, svgColumn/svgLetter)))
	}
	for i, l := range d.lines {
		l.svg(&b, svgTop+svgRow*i+14)
	}
	b.WriteString("</svg>\n")
	return b.String()
}

// wordsAt is where the words of the line begin.
func (l diagramLine) wordsAt() int { return svgLeft + svgColumn*min(l.from, l.to) + 9 }

// svg draws the line at a height.
func (l diagramLine) svg(b *strings.Builder, y int) {
	from, to := svgLeft+svgColumn*l.from, svgLeft+svgColumn*l.to
	color := "#246"
	if l.lost {
		color = "#c00"
	}
	remarks := strings.Join(l.remarks, ", ")
	fmt.Fprintf(b, `<g class="step"><title>%s</title><text x="4" y="%d" fill="#888">%.6f</text>`, html.EscapeString(remarks), y, l.at.Seconds())
	if from == to {
		fmt.Fprintf(b, `<circle cx="%d" cy="%d" r="4" fill="%s"/><text x="%d" y="%d">%s</text></g>`+"\n",
			from, y-4, color, l.wordsAt(), y, html.EscapeString(l.words))
		return
	}
	back := 7
	if to < from {
		back = -7
	}
	fmt.Fprintf(b, `<path d="M%d %dH%d" stroke="%s"/><path d="M%d %dl%d -4v8z" fill="%s"/>`, from, y, to, color, to, y, -back, color)
	fmt.Fprintf(b, `<text x="%d" y="%d">%s</text></g>`+"\n", l.wordsAt(), y-4, html.EscapeString(l.words))
}
