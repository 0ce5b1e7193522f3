package main

import "fmt"

// row is one line of the table: a figure of a suite, and what it is held to.
type row struct {
	name   string
	figure string  // what the suite calls ours
	scale  float64 // from the suite's unit to that of the table; 0 means 1
	unit   string
	rival  rival
	goal   goal
}

// rival is what ours is compared with: something the suite measures beside it, or what somebody once measured.
type rival struct {
	name        string
	figure      string  // what the suite calls theirs
	worst, best float64 // if it is known, in the unit of the table
}

// goal bounds our value, or its ratio to the rival's best. The zero goal is none: the figure is for those who wonder.
type goal struct {
	sign  string // ≤ < ≥
	bound float64
	ratio bool
}

func atMost(bound float64) goal       { return goal{sign: "≤", bound: bound} }
func below(bound float64) goal        { return goal{sign: "<", bound: bound} }
func atLeast(bound float64) goal      { return goal{sign: "≥", bound: bound} }
func atMostTimes(bound float64) goal  { return goal{sign: "≤", bound: bound, ratio: true} }
func atLeastTimes(bound float64) goal { return goal{sign: "≥", bound: bound, ratio: true} }

func (g goal) met(r result) bool {
	value := r.ours
	if g.ratio {
		value = r.ratio()
	}
	switch g.sign {
	case "≤":
		return value <= g.bound
	case "<":
		return value < g.bound
	}
	return value >= g.bound
}

func (g goal) text(unit string) string {
	if g == (goal{}) {
		return ""
	}
	of := " " + unit
	if g.ratio {
		of = "×"
	}
	return g.sign + " " + number(g.bound) + of
}

// figures are what a suite has measured, by name.
type figures map[string]float64

// result is a row with what was measured.
type result struct {
	row
	group        string
	ours, theirs float64
	missing      bool // it could not be measured
}

func (r row) result(group string, measured figures) result {
	if r.scale == 0 {
		r.scale = 1
	}
	ours, ok := measured[r.figure]
	theirs := r.rival.best
	if r.rival.figure != "" {
		var both bool
		theirs, both = measured[r.rival.figure]
		theirs *= r.scale
		ok = ok && both
	}
	return result{row: r, group: group, ours: ours * r.scale, theirs: theirs, missing: !ok}
}

func (r result) ratio() float64 { return r.ours / r.theirs }

// cells are the result's texts in the table.
func (r result) cells() (ours, theirs, ratio, goal, met string) {
	goal = r.goal.text(r.unit)
	if r.missing {
		return "not measured", "", "", goal, ""
	}
	ours = number(r.ours) + " " + r.unit
	switch {
	case r.rival.figure != "" || r.rival.best != 0 && r.rival.worst == r.rival.best:
		theirs = number(r.theirs)
	case r.rival.best != 0:
		theirs = number(min(r.rival.worst, r.rival.best)) + "–" + number(max(r.rival.worst, r.rival.best))
	}
	if theirs != "" {
		theirs += " " + r.rival.name
		ratio = number(r.ratio()) + "×"
	}
	switch {
	case goal == "":
	case r.goal.met(r):
		met = "yes"
	default:
		met = "no"
	}
	return ours, theirs, ratio, goal, met
}

// number writes x with three digits that count, or all before the point.
func number(x float64) string {
	switch {
	case x == 0:
		return "0"
	case x >= 100:
		return grouped(fmt.Sprintf("%.0f", x))
	case x >= 10:
		return trimmed(fmt.Sprintf("%.1f", x))
	case x >= 1:
		return trimmed(fmt.Sprintf("%.2f", x))
	}
	return fmt.Sprintf("%.3g", x)
}

// trimmed leaves zeros out that say nothing.
func trimmed(text string) string {
	for text[len(text)-1] == '0' {
		text = text[:len(text)-1]
	}
	if text[len(text)-1] == '.' {
		text = text[:len(text)-1]
	}
	return text
}

// grouped puts a comma before every three digits.
func grouped(digits string) string {
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
