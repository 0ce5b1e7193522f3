package sharing

import (
	"errors"
	"slices"
	"sync"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

// Decoder decodes messages, and remembers parts of them. It may be used by several goroutines at once.
type Decoder struct {
	tables   [kinds]table
	decoders sync.Pool // of *decoding
}

// New returns a decoder that remembers encoded parts of at most limit bytes.
func New(limit int) *Decoder {
	d := &Decoder{}
	for i := range d.tables {
		d.tables[i].limit = limit / kinds / 2
	}
	d.decoders.New = func() any { return &decoding{decoder: d} }
	return d
}

// errUnusual says that a message has to be decoded by proto.Unmarshal: it is invalid, or encoded as nobody encodes it.
var errUnusual = errors.New("unusual")

// into decodes b, which is about so many tasks, into m, which is empty but for room.
func into[M any, P message[M]](d *Decoder, p *plan[M], b []byte, m P, tasks int) error {
	c := d.decoders.Get().(*decoding)
	c.tasks = tasks
	err := decode(c, p, b, m)
	c.forget()
	d.decoders.Put(c)
	if err == nil {
		return nil
	}
	return proto.Unmarshal(b, m) // which resets m
}

// decoding is the state in which one message is decoded.
type decoding struct {
	decoder *Decoder
	last    [kinds]remembered // the latest part of each kind
	text    string            // the latest
	rest    []byte
	tasks   int // how many are still to come
	slabs
}

// remembered is a part of a message.
type remembered struct {
	encoded []byte // within the message that is being decoded
	part    any
}

func (c *decoding) forget() {
	c.last, c.text, c.slabs = [kinds]remembered{}, "", slabs{}
	c.rest = c.rest[:0]
	if cap(c.rest) > 64<<10 {
		c.rest = nil
	}
}

// decode decodes b into m. Fields that p does not know are left to the library.
func decode[M any, P message[M]](c *decoding, p *plan[M], b []byte, m P) error {
	start := len(c.rest)
	partial := true // the rest has nothing that may lack a required field
	for len(b) > 0 {
		number, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return errUnusual
		}
		if f := p.field(number); f != nil && kind == protowire.BytesType {
			content, size := protowire.ConsumeBytes(b[n:])
			if size < 0 {
				return errUnusual
			}
			b = b[n+size:]
			if err := f(c, m, content); err != nil {
				return err
			}
			continue
		}
		if set := p.number(number, kind); set != nil {
			value, size := consume(kind, b[n:])
			if size < 0 || !set(m, value) {
				return errUnusual
			}
			b = b[n+size:]
			continue
		}
		size := protowire.ConsumeFieldValue(number, kind, b[n:])
		if size < 0 {
			return errUnusual
		}
		partial = partial && !p.mayLack(number)
		c.rest = append(c.rest, b[:n+size]...)
		b = b[n+size:]
	}
	if rest := c.rest[start:]; len(rest) > 0 {
		if (proto.UnmarshalOptions{Merge: true, AllowPartial: partial}).Unmarshal(rest, m) != nil {
			return errUnusual
		}
		c.rest = c.rest[:start]
	}
	for _, seal := range p.repeated {
		seal(c, m)
	}
	if !p.complete(m) {
		return errUnusual
	}
	return nil
}

// consume returns a number, and its size, or an error as a negative size.
func consume(kind protowire.Type, b []byte) (value uint64, size int) {
	if kind == protowire.VarintType {
		return protowire.ConsumeVarint(b)
	}
	return protowire.ConsumeFixed64(b)
}

// message is a pointer to a generated message.
type message[M any] interface {
	*M
	proto.Message
}

// field decodes an occurrence of a field.
type field[M any] func(c *decoding, m *M, content []byte) error

// plan says how the fields of a message are decoded. complete reports whether the required ones are set.
type plan[M any] struct {
	fields   []field[M]  // by number
	numbers  []number[M] // likewise, those that are numbers
	repeated []func(*decoding, *M)
	others   []bool // fields of the rest that are messages, by number
	complete func(*M) bool
}

func planOf[M any, P message[M]](complete func(P) bool) *plan[M] {
	p := &plan[M]{complete: func(m *M) bool { return complete(m) }}
	fields := P(new(M)).ProtoReflect().Descriptor().Fields()
	for i := range fields.Len() {
		if f := fields.Get(i); f.Message() != nil {
			for len(p.others) <= int(f.Number()) {
				p.others = append(p.others, false)
			}
			p.others[f.Number()] = true
		}
	}
	return p
}

// mayLack reports whether a field of the rest may lack a field that is required.
func (p *plan[M]) mayLack(number protowire.Number) bool {
	return int(number) < len(p.others) && p.others[number]
}

func (p *plan[M]) field(number protowire.Number) field[M] {
	if int(number) < len(p.fields) {
		return p.fields[number]
	}
	return nil
}

// with adds a field.
func (p *plan[M]) with(number protowire.Number, f field[M]) *plan[M] {
	for len(p.fields) <= int(number) {
		p.fields = append(p.fields, nil)
	}
	p.fields[number] = f
	return p
}

// part is how a field's message is made of its content.
type part[S any] func(c *decoding, content []byte) (*S, error)

// one is a field with at most one message.
func one[M, S any](p *plan[M], number protowire.Number, at func(*M) **S, make part[S]) {
	p.with(number, func(c *decoding, m *M, content []byte) error {
		place := at(m)
		if *place != nil {
			return errUnusual // the library merges them
		}
		made, err := make(c, content)
		*place = made
		return err
	})
}

// each is a field with any number of messages.
func each[M, S any](p *plan[M], number protowire.Number, at func(*M) *[]*S, make part[S]) {
	p.with(number, func(c *decoding, m *M, content []byte) error {
		made, err := make(c, content)
		if err == nil {
			place := at(m)
			*place = append(*place, made)
		}
		return err
	})
}

// eachShared is each for parts that are shared. Lists of the same parts in one message are one list.
func eachShared[M, S any, P message[S]](p *plan[M], number protowire.Number, at func(*M) *[]*S, k kind) {
	list, make := lists[k], shared[S, P](k)
	p.with(number, func(c *decoding, m *M, content []byte) error {
		made, err := make(c, content)
		place := at(m)
		n := len(*place)
		if last, ok := c.last[list].part.([]*S); ok && n < len(last) && last[n] == made && (n == 0 || &last[0] == &(*place)[0]) {
			*place = last[: n+1 : n+1] // it may become that list
			return err
		}
		*place = append(*place, made)
		return err
	})
	p.repeated = append(p.repeated, func(c *decoding, m *M) {
		place := at(m)
		if len(*place) == 0 {
			return
		}
		if last, ok := c.last[list].part.([]*S); ok && slices.Equal(last, *place) {
			*place = last
			return
		}
		*place = slices.Clip(*place)
		c.last[list].part = *place
	})
}

// whole decodes a message with parts of its own.
func whole[S any, P message[S]](p *plan[S]) part[S] {
	return func(c *decoding, content []byte) (*S, error) {
		made := new(S)
		return made, decode(c, p, content, P(made))
	}
}

// repeated decodes a message that occurs several times within a larger one, and rarely in others.
func repeated[S any](k kind, make part[S]) part[S] {
	return func(c *decoding, content []byte) (*S, error) {
		if last := &c.last[k]; last.part != nil && string(last.encoded) == string(content) {
			return last.part.(*S), nil
		}
		made, err := make(c, content)
		if err == nil {
			c.last[k] = remembered{content, made}
		}
		return made, err
	}
}

// library decodes a message as the library does.
func library[S any, P message[S]](_ *decoding, content []byte) (*S, error) {
	made := new(S)
	if proto.Unmarshal(content, P(made)) != nil {
		return nil, errUnusual
	}
	return made, nil
}

// shared decodes a message that occurs in many others.
func shared[S any, P message[S]](k kind) part[S] {
	return func(c *decoding, content []byte) (*S, error) {
		if last := &c.last[k]; last.part != nil && string(last.encoded) == string(content) {
			return last.part.(*S), nil
		}
		t := &c.decoder.tables[k]
		if known := t.find(content); known != nil {
			c.last[k] = remembered{content, known}
			return known.(*S), nil
		}
		made := new(S)
		if proto.Unmarshal(content, P(made)) != nil {
			return nil, errUnusual
		}
		kept := t.add(content, made)
		c.last[k] = remembered{content, kept}
		return kept.(*S), nil
	}
}
