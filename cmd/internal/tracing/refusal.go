package tracing

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// Refusal is the error of a [Cluster] when a node answered, but refused to tell.
type Refusal struct {
	Path      string // of the request
	Status    int
	Why       string // what the node said
	Principal string // who asked; empty: nobody in particular
	Unknown   bool   // the master does not know the node, so that it was not told who asks
}

// Error says what is missing.
func (r *Refusal) Error() string {
	text := strings.TrimSpace(fmt.Sprint(r.Status, " ", http.StatusText(r.Status)))
	path, _, _ := strings.Cut(r.Path, "?")
	who := "an anonymous user"
	if r.Principal != "" {
		who = strconv.Quote(r.Principal)
	}
	switch {
	case r.Status == http.StatusUnauthorized && r.Unknown:
		return text + ": it is not told who you are, since the master does not know it"
	case r.Status == http.StatusUnauthorized && r.Principal == "":
		return text + ": --credential, MESOS_CREDENTIAL or the configuration file say who you are"
	case r.Status == http.StatusUnauthorized:
		return fmt.Sprintf("%s: it does not know %s by that secret", text, who)
	case r.Status == http.StatusForbidden && (r.Why == "" || strings.TrimSuffix(r.Why, ".") == text):
		return fmt.Sprintf("%s: its --acls do not give %s the permission get_endpoints for the path %s", text, who, path)
	}
	return strings.TrimSuffix(text+": "+r.Why, ": ")
}

// hasNoTrace reports whether err is that of a node of another kind, such as a C++ agent.
func hasNoTrace(err error) bool {
	var r *Refusal
	return errors.As(err, &r) && r.Status == http.StatusNotFound
}

// refused reports whether err is a refusal.
func refused(err error) bool {
	var r *Refusal
	return errors.As(err, &r)
}

// reason is why a node did not tell anything, without its name.
func reason(node string, err error) string { return strings.TrimPrefix(err.Error(), node+": ") }

// complain names those nodes for which which is true, by their reasons.
func complain(failed map[string]error, which func(error) bool) string {
	nodes := map[string][]string{} // by the reason
	for _, n := range slices.Sorted(maps.Keys(failed)) {
		if err := failed[n]; which(err) {
			nodes[reason(n, err)] = append(nodes[reason(n, err)], n)
		}
	}
	reasons := slices.SortedFunc(maps.Keys(nodes), func(x, y string) int { return cmp.Compare(nodes[x][0], nodes[y][0]) })
	for i, why := range reasons {
		reasons[i] = fmt.Sprintf("%s (%s)", strings.Join(nodes[why], ", "), why)
	}
	return strings.Join(reasons, ", ")
}

// complaints say which nodes did not answer and which refused to, a line each; there are none if all told what they remember.
func complaints(failed map[string]error) (lines []string) {
	for _, kind := range []struct {
		what  string
		which func(error) bool
	}{
		{"these nodes did not answer", func(err error) bool { return !refused(err) }},
		{"these nodes refuse to tell", refused},
	} {
		if who := complain(failed, kind.which); who != "" {
			lines = append(lines, fmt.Sprintf("mesos: incomplete, because %s: %s\n", kind.what, who))
		}
	}
	return lines
}
