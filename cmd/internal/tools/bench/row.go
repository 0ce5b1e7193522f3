package main

import "fmt"

// row is a line of the table: a figure of a suite and its goal.
type row struct {
	name   string
	figure string  // the suite's name of our figure
	scale  float64 // from the suite's unit to the unit of the table; 0 means 1
	unit   string
	rival  rival
	goal   goal
}

// rival is what our figure is compared with: a figure of the same suite, or a value that was measured earlier.
type rival struct {
	name        string
	figure      string  // the suite's name of the rival's figure
	worst, best float64 // earlier measurements, in the unit of the table
}

// goal bounds our value, or its ratio to the rival's best. The zero goal means that there is none.
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

// figures holds the measurements of a suite by name.
type figures map[string]float64

// result is a row with its measurements.
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

// cells returns the texts of the row in the table.
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

// number formats x with three significant digits, or with all digits before the decimal point if there are more.
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

// trimmed removes trailing zeros after the decimal point.
func trimmed(text string) string {
	for text[len(text)-1] == '0' {
		text = text[:len(text)-1]
	}
	if text[len(text)-1] == '.' {
		text = text[:len(text)-1]
	}
	return text
}

// grouped inserts a comma before every three digits.
func grouped(digits string) string {
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
