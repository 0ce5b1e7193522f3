package log

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
)

// A record is a header and a message:
//
//	checksum uint32 // CRC-32C of everything behind it
//	length   uint32 // of the message in bytes
//	sequence uint64 // of the record in its file: 1, 2, 3, …
//
// Numbers are little-endian.
const headerSize = 16

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// appendRecord appends the record of a message to b.
func appendRecord(b []byte, sequence uint64, message []byte) []byte {
	begin := len(b)
	b = append(b, make([]byte, headerSize)...)
	b = append(b, message...)
	record := b[begin:]
	binary.LittleEndian.PutUint32(record[4:], uint32(len(message)))
	binary.LittleEndian.PutUint64(record[8:], sequence)
	binary.LittleEndian.PutUint32(record, crc32.Checksum(record[4:], castagnoli))
	return b
}

// whole returns the sequence number and the message of the record that b begins with. It reports false if there is none.
func whole(b []byte) (sequence uint64, message []byte, ok bool) {
	if len(b) < headerSize {
		return 0, nil, false
	}
	length := uint64(binary.LittleEndian.Uint32(b[4:]))
	if length > uint64(len(b)-headerSize) {
		return 0, nil, false
	}
	record := b[:headerSize+length]
	if binary.LittleEndian.Uint32(b) != crc32.Checksum(record[4:], castagnoli) {
		return 0, nil, false
	}
	return binary.LittleEndian.Uint64(b[8:]), record[headerSize:], true
}

// split returns the messages of the records in b, and how many bytes these records have together. What is behind them is
// the torn rest of a write; it is an error if a whole record follows there.
func split(b []byte) (messages [][]byte, length int, err error) {
	for {
		next := uint64(len(messages)) + 1
		sequence, message, ok := whole(b[length:])
		if !ok || sequence != next {
			return messages, length, torn(b[length:], next)
		}
		messages = append(messages, message)
		length += headerSize + len(message)
	}
}

// torn returns an error if rest, in which the record with number next should be, has a later one.
func torn(rest []byte, next uint64) error {
	for at := 0; at+headerSize <= len(rest); at++ {
		// Cheap first: almost no other place has a number that makes sense.
		claimed := binary.LittleEndian.Uint64(rest[at+8:])
		if claimed < next || claimed-next > uint64(len(rest)) {
			continue
		}
		if sequence, _, ok := whole(rest[at:]); ok {
			return fmt.Errorf("record %d is damaged, but record %d is whole", next, sequence)
		}
	}
	return nil
}

// only returns the message of a file that is one record.
func only(b []byte) ([]byte, error) {
	_, message, ok := whole(b)
	if !ok || headerSize+len(message) != len(b) {
		return nil, errors.New("its checksum is wrong")
	}
	return message, nil
}
