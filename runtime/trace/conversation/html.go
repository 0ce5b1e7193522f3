package conversation

import (
	"fmt"
	"html"
	"strings"
)

// HTML returns the conversation as a page of its own, which refers to nothing else: the diagram, which can be zoomed, and
// the text, both of which can be filtered by words. Words and zoom are in the fragment of its address, so that it can be shared.
func (c *Conversation) HTML(title string) string {
	var b strings.Builder
	title = html.EscapeString(title)
	fmt.Fprintf(&b, pageHead, title, title)
	b.WriteString(`<div id="drawing">` + "\n" + c.SVG() + "</div>\n" + `<ol id="steps">` + "\n")
	t := textOf{out: &b, names: NamesIn(c), began: c.began()}
	for _, s := range c.Roots {
		t.item(s, 0)
	}
	b.WriteString("</ol>\n" + pageEnd)
	return b.String()
}

// item writes s, and what is below it, as items of a list.
func (t textOf) item(s *Step, depth int) {
	class := "step"
	if s.Fate() != "" {
		class += " fate"
	}
	fmt.Fprintf(t.out, `<li class="%s" style="padding-left:%.1fem"><time>%.6f</time> %s <small>%s</small></li>`+"\n",
		class, 1.5*float64(min(depth, 30)), s.At().Sub(t.began).Seconds(), html.EscapeString(s.Line(t.names)),
		html.EscapeString(strings.Join(s.Remarks(), ", ")))
	for _, below := range s.below {
		t.item(below, depth+1)
	}
}

const pageHead = `<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>%s</title>
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<style>
body{font:14px sans-serif;margin:1em}
#bar{position:sticky;top:0;background:#fff;padding:.5em 0}
#drawing{overflow:auto;border:1px solid #ddd;max-height:70vh;transform-origin:0 0}
#steps{list-style:none;padding:0;font-family:monospace}
#steps time{color:#888} #steps small{color:#666} #steps .fate small{color:#c00}
.dim{opacity:.12} li.dim{display:none}
</style></head><body>
<h1>%s</h1>
<div id="bar"><input id="filter" type="search" size="40" placeholder="words to look for"> zoom <input id="zoom" type="range" min="20" max="300" value="100"></div>
`

const pageEnd = `<script>
const all = document.querySelectorAll('.step'), svg = document.querySelector('#drawing svg');
const width = svg.width.baseVal.value, height = svg.height.baseVal.value;
const filter = document.getElementById('filter'), zoom = document.getElementById('zoom');
function show() {
  const words = filter.value.toLowerCase().split(/\s+/).filter(w => w);
  for (const step of all) {
    const text = step.textContent.toLowerCase();
    step.classList.toggle('dim', !words.every(w => text.includes(w)));
  }
  svg.setAttribute('width', width * zoom.value / 100);
  svg.setAttribute('height', height * zoom.value / 100);
}
const view = new URLSearchParams(location.hash.slice(1)); // so that a link shows what its sender saw
filter.value = view.get('filter') || '';
zoom.value = view.get('zoom') || 100;
for (const control of [filter, zoom]) {
  control.addEventListener('input', () => {
    location.replace('#' + new URLSearchParams({filter: filter.value, zoom: zoom.value}));
    show();
  });
}
show();
</script></body></html>
`
