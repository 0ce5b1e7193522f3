package localfile

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
)

// sum tells a set of records from every other: how many there are, and all their hashes together. It can be kept up to
// date record by record.
type sum struct {
	count uint64
	hash  [sha256.Size]byte
}

const sumVersion = 1

// add takes a record in.
func (s *sum) add(key, value []byte) {
	s.count++
	s.mix(key, value)
}

// remove takes a record out that is in.
func (s *sum) remove(key, value []byte) {
	s.count--
	s.mix(key, value)
}

func (s *sum) mix(key, value []byte) {
	h := sha256.New()
	_, _ = h.Write(binary.LittleEndian.AppendUint64(nil, uint64(len(key))))
	_, _ = h.Write(key)
	_, _ = h.Write(value)
	for i, b := range h.Sum(nil) {
		s.hash[i] ^= b
	}
}

// encode is how s is stored.
func (s *sum) encode() []byte {
	return append(binary.LittleEndian.AppendUint64([]byte{sumVersion}, s.count), s.hash[:]...)
}

func decodeSum(b []byte) (s sum, err error) {
	if len(b) != 1+8+len(s.hash) || b[0] != sumVersion {
		return s, fmt.Errorf("its checksum is unreadable")
	}
	s.count = binary.LittleEndian.Uint64(b[1:])
	copy(s.hash[:], b[9:])
	return s, nil
}
