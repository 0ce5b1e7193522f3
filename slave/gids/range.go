package gids

import (
	"errors"
	"fmt"
	"math"

	"meseta/messages/pb/mesospb"
	"meseta/messages/resources"
	"meseta/messages/values"
)

// ParseRange returns the IDs of groups in a text such as [10000-20000].
//
// Mesos: VolumeGidManager::create.
//
// Differs: the group of root is refused, and the ID that means no group.
func ParseRange(text string) (resources.Ranges, error) {
	v, err := values.Parse(text)
	if err != nil {
		return resources.Ranges{}, fmt.Errorf("Failed to parse volume gid range '%s': %w", text, err)
	}
	if v.GetType() != mesospb.Value_RANGES {
		return resources.Ranges{}, fmt.Errorf("Invalid volume gid range type %s, expecting RANGES, such as [10000-20000]", v.GetType())
	}
	all := resources.RangesOf(values.RangesOf(v.GetRanges())...)
	if all.IsEmpty() {
		return all, errors.New("Empty volume gid range")
	}
	if first, last := all.Intervals()[0], all.Intervals()[len(all.Intervals())-1]; first.Begin == 0 || last.End >= math.MaxUint32 {
		return all, fmt.Errorf("Invalid volume gid range '%s': the IDs of groups are from 1 to %d", text, uint32(math.MaxUint32-1))
	}
	return all, nil
}
