package subsystems

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/protobuf/proto"

	"meseta/messages/pb/mesospb"
	"meseta/slave/cgroups"
)

// blkio measures the input and output of a container on block devices.
//
// Mesos: BlkioSubsystemProcess.
//
// Differs: the statistics of the CFQ scheduler, which Linux no longer has, are empty.
type blkio struct{ member }

func (blkio) usage(g cgroups.Group, _ *info, u *mesospb.ResourceStatistics) error {
	all := map[string]*mesospb.CgroupInfo_Blkio_Throttling_Statistics{"": {}}
	for _, file := range []string{"blkio.throttle.io_serviced", "blkio.throttle.io_service_bytes"} {
		text, err := g.Value(file)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		for line := range strings.Lines(text) {
			device, value, ok := blkioValue(line)
			if !ok {
				continue
			}
			if all[device] == nil {
				all[device] = &mesospb.CgroupInfo_Blkio_Throttling_Statistics{Device: blkioDevice(device)}
			}
			if s := all[device]; strings.HasSuffix(file, "io_serviced") {
				s.IoServiced = append(s.IoServiced, value)
			} else {
				s.IoServiceBytes = append(s.IoServiceBytes, value)
			}
		}
	}
	u.BlkioStatistics = &mesospb.CgroupInfo_Blkio_Statistics{
		Cfq:          []*mesospb.CgroupInfo_Blkio_CFQ_Statistics{{}},
		CfqRecursive: []*mesospb.CgroupInfo_Blkio_CFQ_Statistics{{}},
	}
	for _, device := range devicesThenTotal(all) {
		u.BlkioStatistics.Throttling = append(u.BlkioStatistics.Throttling, all[device])
	}
	return nil
}

// devicesThenTotal returns the devices in order, and the total, which has no name, at the end.
func devicesThenTotal(all map[string]*mesospb.CgroupInfo_Blkio_Throttling_Statistics) []string {
	var names []string
	for name := range all {
		if name != "" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return append(names, "")
}

// blkioValue reads a line such as "8:0 Read 12" or "Total 12".
func blkioValue(line string) (device string, v *mesospb.CgroupInfo_Blkio_Value, ok bool) {
	fields := strings.Fields(line)
	if len(fields) == 3 {
		device, fields = fields[0], fields[1:]
	}
	if len(fields) != 2 {
		return "", nil, false
	}
	op, known := mesospb.CgroupInfo_Blkio_Operation_value[strings.ToUpper(fields[0])]
	n, err := strconv.ParseUint(fields[1], 10, 64)
	if !known || err != nil {
		return "", nil, false
	}
	return device, &mesospb.CgroupInfo_Blkio_Value{Op: mesospb.CgroupInfo_Blkio_Operation(op).Enum(), Value: &n}, true
}

func blkioDevice(name string) *mesospb.Device_Number {
	var major, minor uint64
	if _, err := fmt.Sscanf(name, "%d:%d", &major, &minor); err != nil {
		return nil
	}
	return &mesospb.Device_Number{MajorNumber: proto.Uint64(major), MinorNumber: proto.Uint64(minor)}
}
