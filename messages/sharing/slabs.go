package sharing

import "google.golang.org/protobuf/encoding/protowire"

// slabs are where the parts of the message's tasks are made, those of several tasks as one object: the garbage collector
// then has a few objects to find for each agent. An object lives as long as one of its parts is used.
type slabs struct {
	tasks       slab[taskWhole]
	statuses    slab[statusWhole]
	taskIDs     slab[taskIDWhole]
	executorIDs slab[executorIDWhole]
}

// slab has room for parts.
type slab[S any] struct{ free []S }

// mostTogether bounds what is kept because of one part.
const mostTogether = 16

// next returns an empty part, and makes room for as many as there are tasks to come.
func (s *slab[S]) next(tasks int) *S {
	if len(s.free) == 0 {
		s.free = make([]S, min(max(tasks, 1), mostTogether))
		clear(s.free) // writes first: memory that is read first takes a second page fault when it is written
	}
	part := &s.free[0]
	s.free = s.free[1:]
	return part
}

// wholeOf is [whole] for parts of a slab.
func wholeOf[S any, P message[S]](p *plan[S], of func(*slabs) *slab[S]) part[S] {
	return func(c *decoding, content []byte) (*S, error) {
		made := of(&c.slabs).next(c.tasks)
		return made, decode(c, p, content, P(made))
	}
}

// counted is a part of which there is one for each task.
func counted[S any](make part[S]) part[S] {
	return func(c *decoding, content []byte) (*S, error) {
		made, err := make(c, content)
		c.tasks--
		return made, err
	}
}

// count returns how often b has a field, as far as b can be read.
func count(b []byte, field protowire.Number) (times int) {
	for len(b) > 0 {
		number, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return times
		}
		size := protowire.ConsumeFieldValue(number, kind, b[n:])
		if size < 0 {
			return times
		}
		if number == field {
			times++
		}
		b = b[n+size:]
	}
	return times
}
