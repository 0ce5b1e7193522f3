package sharing

import (
	"bytes"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"

	"meseta/messages/pb/mesospb"
)

// Messages that a cluster has one of for each task are made together with their scalars, as one object in place of one for each.
type (
	taskWhole struct {
		mesospb.Task
		name          string
		state, latest mesospb.TaskState
		uuid          place
		first         [1]*mesospb.TaskStatus // of the statuses
	}
	statusWhole struct {
		mesospb.TaskStatus
		timestamp float64
		state     mesospb.TaskState
		source    mesospb.TaskStatus_Source
		reason    mesospb.TaskStatus_Reason
		uuid      place
	}
	agentWhole struct {
		mesospb.SlaveInfo
		hostname   string
		port       int32
		checkpoint bool
	}
	taskIDWhole struct {
		mesospb.TaskID
		value string
	}
	executorIDWhole struct {
		mesospb.ExecutorID
		value string
	}
)

// place has room for a UUID.
type place [16]byte

// number decodes an occurrence of a field that is a number. It reports false if the number cannot be that of the field.
type number[M any] struct {
	kind protowire.Type
	set  func(m *M, value uint64) bool
}

// number returns how the numeric field with that number and kind is decoded; nil: it is left to the library.
func (p *plan[M]) number(n protowire.Number, kind protowire.Type) func(*M, uint64) bool {
	if int(n) < len(p.numbers) && p.numbers[n].kind == kind {
		return p.numbers[n].set
	}
	return nil
}

// numeric adds a field that is a number.
func (p *plan[M]) numeric(n protowire.Number, kind protowire.Type, set func(*M, uint64) bool) {
	for len(p.numbers) <= int(n) {
		p.numbers = append(p.numbers, number[M]{})
	}
	p.numbers[n] = number[M]{kind, set}
}

// text is a field with a string, whose value has a place in the message.
func text[M any](p *plan[M], n protowire.Number, at func(*M) (field **string, place *string)) {
	p.with(n, func(c *decoding, m *M, content []byte) error {
		field, place := at(m)
		*place = c.string(content)
		*field = place
		return nil
	})
}

// string returns a text. A task often has the same one as its name, its ID and its executor's.
func (c *decoding) string(content []byte) string {
	if c.text != string(content) {
		c.text = string(content)
	}
	return c.text
}

// uuid is a field with bytes, which have a place in the message if they are a UUID.
func uuid[M any](p *plan[M], n protowire.Number, at func(*M) (field *[]byte, room *place)) {
	p.with(n, func(_ *decoding, m *M, content []byte) error {
		field, room := at(m)
		if n := copy(room[:], content); n == len(content) {
			*field = room[:n:n]
		} else {
			*field = bytes.Clone(content)
		}
		return nil
	})
}

// enum is a field with a value of an enumeration, likewise. What the enumeration lacks is left to the library.
func enum[M any, E interface {
	~int32
	Descriptor() protoreflect.EnumDescriptor
}](p *plan[M], n protowire.Number, at func(*M) (field **E, place *E)) {
	var known []bool
	var zero E
	values := zero.Descriptor().Values()
	for i := range values.Len() {
		v := values.Get(i).Number()
		for len(known) <= int(v) {
			known = append(known, false)
		}
		known[v] = true
	}
	p.numeric(n, protowire.VarintType, func(m *M, value uint64) bool {
		if value >= uint64(len(known)) || !known[value] {
			return false
		}
		field, place := at(m)
		*place = E(value)
		*field = place
		return true
	})
}

// double is a field with a floating-point number, likewise.
func double[M any](p *plan[M], n protowire.Number, at func(*M) (field **float64, place *float64)) {
	p.numeric(n, protowire.Fixed64Type, func(m *M, value uint64) bool {
		field, place := at(m)
		*place = math.Float64frombits(value)
		*field = place
		return true
	})
}

// integer is a field with a number of 32 bits, likewise.
func integer[M any](p *plan[M], n protowire.Number, at func(*M) (field **int32, place *int32)) {
	p.numeric(n, protowire.VarintType, func(m *M, value uint64) bool {
		field, place := at(m)
		*place = int32(value)
		*field = place
		return true
	})
}

// boolean is a field with a truth value, likewise.
func boolean[M any](p *plan[M], n protowire.Number, at func(*M) (field **bool, place *bool)) {
	p.numeric(n, protowire.VarintType, func(m *M, value uint64) bool {
		field, place := at(m)
		*place = protowire.DecodeBool(value)
		*field = place
		return true
	})
}

// sharedText is a field with one of few strings.
func sharedText[M any](p *plan[M], n protowire.Number, at func(*M) **string, k kind) {
	p.with(n, func(c *decoding, m *M, content []byte) error {
		t := &c.decoder.tables[k]
		known := t.find(content)
		if known == nil {
			made := string(content)
			known = t.add(content, &made)
		}
		*at(m) = known.(*string)
		return nil
	})
}

// within is a part that is made within a larger object.
func within[W, S any](make part[W], of func(*W) *S) part[S] {
	return func(c *decoding, content []byte) (*S, error) {
		whole, err := make(c, content)
		return of(whole), err
	}
}

func idPlan[M any, P message[M]](at func(*M) (field **string, place *string)) *plan[M] {
	p := planOf[M, P](func(m P) bool { field, _ := at(m); return *field != nil })
	text(p, 1, at)
	return p
}

var (
	taskIDs = within(wholeOf(idPlan(func(m *taskIDWhole) (**string, *string) { return &m.Value, &m.value }), func(s *slabs) *slab[taskIDWhole] { return &s.taskIDs }),
		func(w *taskIDWhole) *mesospb.TaskID { return &w.TaskID })
	executorIDs = within(wholeOf(idPlan(func(m *executorIDWhole) (**string, *string) { return &m.Value, &m.value }), func(s *slabs) *slab[executorIDWhole] { return &s.executorIDs }),
		func(w *executorIDWhole) *mesospb.ExecutorID { return &w.ExecutorID })
)
