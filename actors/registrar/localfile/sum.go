package localfile

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
)

// sum identifies a set of records by their number and their combined hashes. It can be updated record by record.
type sum struct {
	count uint64
	hash  [sha256.Size]byte
}

const sumVersion = 1

// add includes a record.
func (s *sum) add(key, value []byte) {
	s.count++
	s.mix(key, value)
}

// remove excludes a record that was included.
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

// encode returns the stored form of s.
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
