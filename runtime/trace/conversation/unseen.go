package conversation

import (
	"slices"
	"strings"
)

// What led to the message of a node that tells nothing, because it has ended or is of another kind, is not seen. The message is
// placed below what it most likely follows: the latest that its sender was told about the same, or, if that was told nothing yet,
// the latest that its receiver was, which may have started it. So is what an actor says first that began by itself, as executors do.

// mostToldBefore bounds how far back that is looked for.
const mostToldBefore = 1024

// broad are kinds of subjects that most messages between two actors are about.
var broad = []string{"framework", "agent"}

// unseen places the messages of nodes that tell nothing.
type unseen struct {
	seen map[string]bool    // addresses of nodes that tell what happens
	told map[string][]*Step // what actors were told, by the order of times
	said map[string][]*Step // what actors said on streams
}

// join places the beginnings of c.
func (c *Conversation) join(records []*Record) {
	u := unseen{seen: map[string]bool{}, told: map[string][]*Step{}, said: map[string][]*Step{}}
	for _, r := range records {
		_, addr, _ := strings.Cut(r.place(), "@")
		u.seen[addr] = true
	}
	for s := range c.Steps {
		switch {
		case s.Dropped != "":
		case s.Kind == "message":
			u.told[s.To] = append(u.told[s.To], s)
		case s.Kind == "say":
			u.said[s.From] = append(u.said[s.From], s)
		}
	}
	for _, all := range []map[string][]*Step{u.told, u.said} {
		for _, steps := range all {
			slices.SortStableFunc(steps, byTime)
		}
	}
	c.Roots = slices.DeleteFunc(c.Roots, func(s *Step) bool {
		above := u.above(s)
		if above == nil || above.isBelow(s) {
			return false
		}
		s.above, s.Placed = above, true
		above.below = append(above.below, s)
		return true
	})
}

// Alone is for records that were not asked of all nodes: if they are those of one, they cannot tell what arrived at others.
func (c *Conversation) Alone() *Conversation {
	for s := range c.Steps {
		s.Alone = len(c.nodes) == 1
	}
	return c
}

// above returns what s most likely follows; nil: that is not known, or need not be guessed.
func (u *unseen) above(s *Step) *Step {
	if s.Kind == "request" && s.Parent == "" {
		return latest(u.said[s.To], s)
	}
	said := s.firstSaid()
	if said == nil {
		return nil
	}
	_, addr, _ := strings.Cut(said.From, "@")
	before := u.told[said.From]
	switch {
	case addr == "" || u.seen[addr] && s.caused != "":
		return nil // what led to it was forgotten
	case len(before) == 0 || byTime(before[0], said) > 0:
		return latest(u.told[said.To], said)
	case u.seen[addr]:
		return nil
	}
	return latest(before, said)
}

// relay places what an actor passes on of a stream, at which it looks by a timer again and again, below what was said there.
func (c *Conversation) relay() {
	said := map[string][]*Step{} // on streams, by its words
	var looks []*Step
	for s := range c.Steps {
		switch {
		case s.Kind == "say" && s.Text != "":
			said[s.Text] = append(said[s.Text], s)
		case s.Kind == "timer" && len(s.below) > 0 && (s.above == nil || s.above.Kind == "timer"):
			looks = append(looks, s)
		}
	}
	for _, s := range looks {
		first := slices.MinFunc(s.below, byTime)
		if above := latestOf(said[first.Text], first); first.isMessage() && above != nil && !above.isBelow(s) {
			c.move(s, above)
		}
	}
}

// latestOf returns the latest of steps that is before s and has its name; nil: there is none.
func latestOf(steps []*Step, s *Step) (found *Step) {
	for _, one := range steps {
		if Short(one.Name) == Short(s.Name) && byTime(one, s) < 0 && (found == nil || byTime(found, one) < 0) {
			found = one
		}
	}
	return found
}

// move places s below another step than before.
func (c *Conversation) move(s, above *Step) {
	siblings := &c.Roots
	if s.above != nil {
		siblings = &s.above.below
	}
	*siblings = slices.DeleteFunc(*siblings, func(one *Step) bool { return one == s })
	s.above, s.Placed = above, true
	above.below = append(above.below, s)
}

// firstSaid is the first message of a beginning: itself, or what an actor has said when it was spawned; nil: there is none.
func (s *Step) firstSaid() (first *Step) {
	switch s.Kind {
	case "message":
		return s
	case "spawn", "start", "call":
	default:
		return nil
	}
	for one := range (&Conversation{Roots: s.below}).Steps {
		if one.Kind == "message" && (first == nil || byTime(one, first) < 0) {
			first = one
		}
	}
	return first
}

// latest returns the one before s that says what s answers, as acknowledgements do with the UUID of an update, or else the latest
// that is about the same and answers nothing.
func latest(steps []*Step, s *Step) (about *Step) {
	end, _ := slices.BinarySearchFunc(steps, s, byTime)
	for _, before := range slices.Backward(steps[max(0, end-mostToldBefore):end]) {
		switch answer := before.mark(); {
		case before == s || !alike(before, s):
		case answer != "" && answer == s.mark():
			return before
		case answer == "" && about == nil:
			about = before
		}
	}
	return about
}

// mark is the beginning of the UUID that s has, which tells it from others about the same.
func (s *Step) mark() string {
	for word := range strings.FieldsSeq(s.Text) {
		if strings.HasPrefix(word, "#") {
			return word
		}
	}
	return ""
}

// alike reports whether two steps have a subject in common. The executor of a command has the id of its task.
func alike(x, y *Step) bool {
	return slices.ContainsFunc(x.About, func(one string) bool {
		kind, id, _ := strings.Cut(one, ":")
		return !slices.Contains(broad, kind) && slices.ContainsFunc(y.About, func(other string) bool {
			kind, same, _ := strings.Cut(other, ":")
			return same == id && !slices.Contains(broad, kind)
		})
	})
}
