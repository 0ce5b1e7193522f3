package replicatedlog

import (
	"testing"

	"google.golang.org/protobuf/proto"

	"meseta/messages/pb/registrypb"
)

// Whatever the values of a LevelDB are, reading them ends with a log or an error.
func FuzzRecords(f *testing.F) {
	records, err := recordsOf(&registrypb.Registry{})
	if err != nil {
		f.Fatal(err)
	}
	var values [][]byte
	for _, r := range []int{0, 2, 3} {
		value, err := proto.Marshal(records[r])
		if err != nil {
			f.Fatal(err)
		}
		values = append(values, value)
	}
	f.Add("0000000000", values[0], "0000000002", values[1], "0000000003", values[2])
	f.Add("0000000000", values[0], "0000000001", []byte{}, "x", []byte("x"))
	f.Fuzz(func(t *testing.T, k1 string, v1 []byte, k2 string, v2 []byte, k3 string, v3 []byte) {
		r := reader{}
		for _, record := range []struct {
			key   string
			value []byte
		}{{k1, v1}, {k2, v2}, {k3, v3}} {
			if r.record([]byte(record.key), record.value) != nil {
				return
			}
		}
		if r.complete() == nil && r.status == nil {
			t.Error("a log without the state of a replica counts as complete")
		}
	})
}
