package equal

import (
	"meseta/messages/pb/mesospb"
	"meseta/messages/resources"
	"meseta/messages/values"
)

// Attributes reports whether a and b have the same length and each attribute of one occurs in the other; how often it
// occurs does not count. Scalars are compared in thousandths, ranges by the numbers in them.
//
// Mesos: Attributes::operator==.
func Attributes(a, b []*mesospb.Attribute) bool {
	if len(a) != len(b) {
		return false
	}
	x, y := attributes(a), attributes(b)
	if len(x) != len(y) {
		return false
	}
	for k := range x {
		if !y[k] {
			return false
		}
	}
	return true
}

// attribute is the identity of an attribute. It is comparable.
type attribute struct {
	name   string
	typ    mesospb.Value_Type
	amount resources.Quantity
	text   string // or ranges or a set, as they are printed
}

func attributes(all []*mesospb.Attribute) map[attribute]bool {
	set := make(map[attribute]bool, len(all))
	for _, a := range all {
		k := attribute{name: a.GetName(), typ: a.GetType()}
		switch a.GetType() {
		case mesospb.Value_SCALAR:
			k.amount = resources.QuantityOf(a.GetScalar().GetValue())
		case mesospb.Value_RANGES:
			k.text = resources.RangesOf(values.RangesOf(a.GetRanges())...).String()
		case mesospb.Value_SET:
			k.text = resources.SetOf(a.GetSet().GetItem()...).String()
		case mesospb.Value_TEXT:
			k.text = a.GetText().GetValue()
		}
		set[k] = true
	}
	return set
}
