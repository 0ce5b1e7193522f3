package accept

import (
	"testing"

	"google.golang.org/protobuf/proto"

	"meseta/messages/pb/mesospb"
	"meseta/messages/resources"
)

func parse(t *testing.T, text string) resources.Resources {
	t.Helper()
	rs, err := resources.Parse(text, "*")
	if err != nil {
		t.Fatal(err)
	}
	return rs.Allocate("web")
}

// An operation changes what later ones find, or nothing if it is impossible.
func TestLaterOperationsSeeWhatEarlierOnesMade(t *testing.T) {
	t.Parallel()
	offered := parse(t, "cpus:4;mem:1024")
	reserve := func(cpus string) []resources.Conversion {
		reserved := parse(t, cpus).Proto()
		reserved[0].Reservations = []*mesospb.Resource_ReservationInfo{{
			Type: mesospb.Resource_ReservationInfo_DYNAMIC.Enum(), Role: proto.String("web"),
		}}
		conversions, err := resources.ConversionsOf(&mesospb.Offer_Operation{
			Type: mesospb.Offer_Operation_RESERVE.Enum(), Reserve: &mesospb.Offer_Operation_Reserve{Resources: reserved},
		})
		if err != nil {
			t.Fatal(err)
		}
		return conversions
	}
	l := newRemains(offered)
	l.use(parse(t, "cpus:1"))
	next, err := l.convert(reserve("cpus:2"))
	if err != nil {
		t.Fatal(err)
	}
	if got := next.available().Filter(func(r resources.Resource) bool { return r.IsReserved() }); got.IsEmpty() {
		t.Errorf("nothing is reserved of %s", next.available())
	}
	if _, err := next.convert(reserve("cpus:2")); err == nil {
		t.Errorf("reserved more than there is: %s", next.available())
	}
	if want := offered.Minus(parse(t, "cpus:1")); !l.declined().Equal(want) || len(l.converted) != 0 {
		t.Errorf("what was before has %s, want %s", l.declined(), want)
	}
	if len(next.converted) != 1 {
		t.Errorf("%d conversions", len(next.converted))
	}
}
