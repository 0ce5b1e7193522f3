package metrics

import (
	_ "embed" // the catalogue
	"strings"
)

//go:embed catalogue.tsv
var catalogueText string

// pattern is a line of the catalogue, a key with placeholders for labels.
type pattern struct {
	literals []string // the constant parts of the key, around the labels
	labels   []string // one fewer than literals
	help     string
	name     string // for Prometheus
}

// catalogue maps keys to patterns.
type catalogue struct {
	exact   map[string]*pattern
	various []*pattern // patterns with labels
}

var known = readCatalogue(catalogueText)

func readCatalogue(text string) catalogue {
	c := catalogue{exact: map[string]*pattern{}}
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		columns := append(strings.Split(strings.TrimSuffix(line, "\n"), "\t"), "")
		p := newPattern(columns[0])
		p.help = columns[2]
		if name := columns[3]; name != "" {
			p.name = name
		}
		if len(p.labels) == 0 {
			c.exact[columns[0]] = p
		} else {
			c.various = append(c.various, p)
		}
	}
	return c
}

// newPattern parses a key of the catalogue; names in angle brackets are labels.
func newPattern(key string) *pattern {
	p := &pattern{}
	for {
		literal, rest, labelled := strings.Cut(key, "<")
		p.literals = append(p.literals, literal)
		if !labelled {
			break
		}
		var label string
		label, key, _ = strings.Cut(rest, ">")
		p.labels = append(p.labels, identifier(label))
	}
	p.name = identifier(strings.Join(p.literals, ""))
	return p
}

// find returns the pattern of key and the values of its labels. For a key that is not in the catalogue it returns a
// pattern of that key alone.
func (c catalogue) find(key string) (p *pattern, values []string) {
	if p := c.exact[key]; p != nil {
		return p, nil
	}
	for _, p := range c.various {
		if values, ok := p.match(key); ok {
			return p, values
		}
	}
	return &pattern{literals: []string{key}, help: key, name: identifier(key)}, nil
}

// hierarchical is the set of labels whose values may contain slashes, or be empty for the root.
var hierarchical = map[string]bool{"role": true, "principal": true}

// match returns the values of the labels if key matches p.
func (p *pattern) match(key string) (values []string, ok bool) {
	last := len(p.literals) - 1
	key, ok = strings.CutPrefix(key, p.literals[0])
	if !ok || !strings.HasSuffix(key, p.literals[last]) {
		return nil, false
	}
	key = strings.TrimSuffix(key, p.literals[last])
	for _, literal := range p.literals[1:last] {
		value, rest, found := strings.Cut(key, literal)
		if !found {
			return nil, false
		}
		values = append(values, value)
		key = rest
	}
	values = append(values, key)
	for i, value := range values {
		if (value == "" || strings.Contains(value, "/")) && !hierarchical[p.labels[i]] {
			return nil, false
		}
	}
	return values, true
}

// identifier turns a key into a Prometheus name. Each run of characters that are not allowed becomes one underscore.
func identifier(key string) string {
	var b strings.Builder
	for _, r := range key {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9' && b.Len() > 0:
			b.WriteRune(r)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "_"):
			b.WriteByte('_')
		}
	}
	return strings.TrimSuffix(b.String(), "_")
}
