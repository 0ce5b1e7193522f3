// Package endpoint writes the JSON that the endpoints of masters and agents have in common. Fields have the names,
// order and types that Mesos gives them.
package endpoint

import (
	"maps"
	"slices"
	"time"

	"meseta/messages/jsonwriter"
	"meseta/messages/pb/mesospb"
	"meseta/messages/resources"
)

// Flags writes the field "flags".
func Flags(o jsonwriter.Object, flags map[string]string) {
	o.Obj("flags", func(o jsonwriter.Object) {
		for _, name := range slices.Sorted(maps.Keys(flags)) {
			o.Str(name, flags[name])
		}
	})
}

// Attributes writes the field "attributes".
func Attributes(o jsonwriter.Object, all []*mesospb.Attribute) {
	o.Obj("attributes", func(o jsonwriter.Object) {
		for _, a := range all {
			attribute(o, a)
		}
	})
}

func attribute(o jsonwriter.Object, a *mesospb.Attribute) {
	switch a.GetType() {
	case mesospb.Value_SCALAR:
		o.Num(a.GetName(), a.GetScalar().GetValue())
	case mesospb.Value_RANGES:
		var rs []resources.Range
		for _, r := range a.GetRanges().GetRange() {
			rs = append(rs, resources.Range{Begin: r.GetBegin(), End: r.GetEnd()})
		}
		o.Str(a.GetName(), resources.RangesOf(rs...).String())
	case mesospb.Value_SET:
		o.Str(a.GetName(), resources.SetOf(a.GetSet().GetItem()...).String())
	case mesospb.Value_TEXT:
		o.Str(a.GetName(), a.GetText().GetValue())
	}
}

// Seconds returns t in seconds since 1970, as Mesos writes it. The zero time is 0.
func Seconds(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixNano()) / 1e9
}
