package statusupdate

import (
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"

	"google.golang.org/protobuf/proto"

	"meseta/messages/ids"
	"meseta/messages/pb/internalpb"
)

// maxRecord bounds what Decode believes of a length: no update is that long.
const maxRecord = 64 << 20

// Recorded is what a checkpoint file tells of one task.
type Recorded struct {
	Updates      []*internalpb.StatusUpdate // in the order they came
	Acknowledged map[ids.UUID]bool
	Length       int // bytes of whole records; what follows is the torn tail of a crash and is to be cut off
}

// Encode frames a record as Mesos does: its length in four bytes, little-endian, then the message.
func Encode(record *internalpb.StatusUpdateRecord) ([]byte, error) {
	body, err := proto.Marshal(record)
	if err != nil {
		return nil, fmt.Errorf("encode status update record: %w", err)
	}
	return append(binary.LittleEndian.AppendUint32(nil, uint32(len(body))), body...), nil
}

// Decode reads a checkpoint file. A torn last record is normal after a crash and is left out; a whole record that
// cannot be read is an error, and what came before it is returned.
func Decode(file []byte) (Recorded, error) {
	r := Recorded{Acknowledged: map[ids.UUID]bool{}}
	for {
		rest := file[r.Length:]
		if len(rest) < 4 {
			return r, nil
		}
		n := int(binary.LittleEndian.Uint32(rest))
		if n > maxRecord {
			return r, fmt.Errorf("status update record at byte %d claims %d bytes", r.Length, n)
		}
		if len(rest) < 4+n {
			return r, nil
		}
		if err := r.add(rest[4 : 4+n]); err != nil {
			return r, fmt.Errorf("status update record at byte %d: %w", r.Length, err)
		}
		r.Length += 4 + n
	}
}

func (r *Recorded) add(body []byte) error {
	record := &internalpb.StatusUpdateRecord{}
	if err := proto.Unmarshal(body, record); err != nil {
		return err
	}
	if record.GetType() == internalpb.StatusUpdateRecord_ACK {
		id, err := ids.UUIDOf(record.GetUuid())
		if err != nil {
			return err
		}
		r.Acknowledged[id] = true
		return nil
	}
	if _, err := ids.UUIDOf(record.GetUpdate().GetUuid()); err != nil {
		return err
	}
	r.Updates = append(r.Updates, record.GetUpdate())
	return nil
}

// appendRecord adds a record to the end of a file, which it creates with its directories.
func appendRecord(_ context.Context, path string, record *internalpb.StatusUpdateRecord) error {
	bytes, err := Encode(record)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	if _, err := f.Write(bytes); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}
