package replicatedlog

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/syndtr/goleveldb/leveldb"
	"github.com/syndtr/goleveldb/leveldb/opt"
	"google.golang.org/protobuf/proto"

	"meseta/messages/pb/logpb"
	"meseta/messages/pb/registrypb"
	"meseta/messages/pb/statepb"
)

// Write makes a directory with a log that holds only the registry, as C++ masters leave it: a replica that votes, one
// action that appends the registry, and one that removes what was before it. The directory must be empty or not exist.
// All masters of a group may start with copies of it.
func Write(dir string, registry *registrypb.Registry) error {
	records, err := recordsOf(registry)
	if err == nil {
		err = writeNew(dir, records)
	}
	if err != nil {
		return fmt.Errorf("write a replicated log to %s: %w", dir, err)
	}
	return nil
}

// recordsOf returns the values of the log's keys, from the first. The 16 bytes that tell versions of the registry apart, in
// Mesos a random UUID, are a part of its hash.
func recordsOf(registry *registrypb.Registry) ([]*logpb.Record, error) {
	value, err := proto.MarshalOptions{Deterministic: true}.Marshal(registry)
	if err != nil {
		return nil, err
	}
	hash := sha256.Sum256(value)
	operation, err := proto.Marshal(&statepb.Operation{
		Type:     statepb.Operation_SNAPSHOT.Enum(),
		Snapshot: &statepb.Operation_Snapshot{Entry: &statepb.Entry{Name: proto.String(registryName), Uuid: hash[:16], Value: value}},
	})
	if err != nil {
		return nil, err
	}
	action := func(position uint64, kind logpb.Action_Type) *logpb.Action {
		return &logpb.Action{
			Position: proto.Uint64(position), Promised: proto.Uint64(1), Performed: proto.Uint64(1), Learned: proto.Bool(true), Type: kind.Enum(),
		}
	}
	appended, truncated := action(1, logpb.Action_APPEND), action(2, logpb.Action_TRUNCATE)
	appended.Append = &logpb.Action_Append{Bytes: operation}
	truncated.Truncate = &logpb.Action_Truncate{To: proto.Uint64(1)}
	return []*logpb.Record{
		{Type: logpb.Record_METADATA.Enum(), Metadata: &logpb.Metadata{Status: logpb.Metadata_VOTING.Enum(), Promised: proto.Uint64(1)}},
		nil, // position 0 was removed
		{Type: logpb.Record_ACTION.Enum(), Action: appended},
		{Type: logpb.Record_ACTION.Enum(), Action: truncated},
	}, nil
}

// writeNew writes the records under their numbers into a new LevelDB.
func writeNew(dir string, records []*logpb.Record) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
		return errors.Join(err, errNotEmpty(entries))
	}
	db, err := leveldb.OpenFile(dir, &opt.Options{ErrorIfExist: true})
	if err != nil {
		return err
	}
	batch := &leveldb.Batch{}
	for number, record := range records {
		if record == nil {
			continue
		}
		value, err := proto.Marshal(record)
		if err != nil {
			return errors.Join(err, db.Close())
		}
		batch.Put(fmt.Appendf(nil, "%010d", number), value)
	}
	if err := errors.Join(db.Write(batch, &opt.WriteOptions{Sync: true}), db.Close()); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(filepath.Clean(dir)))
}

func errNotEmpty(entries []os.DirEntry) error {
	if len(entries) == 0 {
		return nil
	}
	return fmt.Errorf("the directory is not empty: it has %s", entries[0].Name())
}

func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
