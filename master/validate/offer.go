package validate

import (
	"errors"
	"fmt"

	"meseta/master/book"
	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
)

// Offers returns an error if f cannot accept these offers together.
//
// Mesos: validation::offer::validate.
func Offers(offers []*mesospb.OfferID, f *book.Framework, b *book.Book) error {
	if len(offers) == 0 {
		return errors.New("No offers specified")
	}
	if err := distinct(offers); err != nil {
		return err
	}
	used := make([]*book.Offer, len(offers))
	for i, p := range offers {
		if used[i] = b.Offer(ids.OfferOf(p)); used[i] == nil {
			return fmt.Errorf("Offer %s is no longer valid", p.GetValue())
		}
	}
	for _, o := range used {
		if o.Framework != f.ID {
			return fmt.Errorf("Offer %s has invalid framework %s while framework %s is expected", o.ID, o.Framework, f.ID)
		}
	}
	lead := used[0]
	for _, o := range used {
		if o.Role != lead.Role {
			return fmt.Errorf("Aggregated offers must be allocated to the same role. Offer %s uses role '%s' but another is using role '%s'", o.ID, o.Role, lead.Role)
		}
	}
	for _, o := range used {
		if o.Agent != lead.Agent {
			return fmt.Errorf("Aggregated offers must belong to one single agent. Offer %s uses agent %s and agent %s", o.ID, o.Agent, lead.Agent)
		}
	}
	return nil
}

func distinct(offers []*mesospb.OfferID) error {
	if len(offers) == 1 {
		return nil
	}
	seen := map[string]bool{}
	for _, o := range offers {
		if seen[o.GetValue()] {
			return fmt.Errorf("Duplicate offer %s in offer list", o.GetValue())
		}
		seen[o.GetValue()] = true
	}
	return nil
}
