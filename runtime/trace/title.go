package trace

import (
	"strings"
	"unicode"
)

// Title makes words of the name of a function, as people speak of what it does: "offer timed out" of
// "master.(*Master).offerTimedOut-fm". A function without a name is called after that in which it is written: "offer timed
// out…". Other names are returned as they are.
func Title(name string) string {
	last := strings.LastIndexByte(name, '/') + 1
	pkg, rest, ok := strings.Cut(name[last:], ".")
	if !ok || pkg == "" || strings.ContainsAny(name, " ") {
		return name
	}
	rest = strings.TrimSuffix(strings.ReplaceAll(rest, "[...]", ""), "-fm")
	if receiver, method, ok := strings.Cut(rest, ")."); ok && strings.HasPrefix(receiver, "(") {
		rest = method
	}
	var words string
	inner := false
	for _, part := range strings.Split(rest, ".") {
		if isNumbered(part, "func") || isNumbered(part, "gowrap") || isNumbered(part, "") {
			inner = true
		} else if part != "" {
			words = split(part)
		}
	}
	switch {
	case words == "":
		return name
	case inner:
		return words + "…"
	}
	return words
}

// isNumbered reports whether s is prefix and a number, as the compiler calls functions without a name.
func isNumbered(s, prefix string) bool {
	digits, ok := strings.CutPrefix(s, prefix)
	return ok && digits != "" && strings.Trim(digits, "0123456789-") == ""
}

// split makes words of an identifier.
func split(identifier string) string {
	var b strings.Builder
	runes := []rune(identifier)
	for i, r := range runes {
		ends := i+1 < len(runes) && unicode.IsLower(runes[i+1])
		begins := unicode.IsUpper(r) && i > 0 && (unicode.IsLower(runes[i-1]) || unicode.IsDigit(runes[i-1]) || unicode.IsUpper(runes[i-1]) && ends)
		if begins {
			b.WriteByte(' ')
		}
		if unicode.IsUpper(r) && (ends || i+1 == len(runes)) && !(i > 0 && unicode.IsUpper(runes[i-1]) && !ends) {
			r = unicode.ToLower(r)
		}
		b.WriteRune(r)
	}
	return b.String()
}
