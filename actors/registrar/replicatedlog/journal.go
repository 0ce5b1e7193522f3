package replicatedlog

import "encoding/binary"

// A journal of a LevelDB is divided into blocks. Each record is one chunk, or a first, middle ones and a last: a checksum of
// four bytes, the length in two, the kind in one, and the data. No chunk crosses a block.
const (
	blockSize  = 32 << 10
	headerSize = 7

	chunkFull, chunkFirst, chunkMiddle, chunkLast = 1, 2, 3, 4
)

// finished returns the journal without a last record of which a part is missing. It was being written when the machine lost
// power, and has been answered to nobody, since what is written is synced first. LevelDB ignores it as well; the library counts
// it as damage. Everything else is left as it is.
func finished(journal []byte) []byte {
	record := 0 // where the record begins that the chunk belongs to
	for at := 0; at < len(journal); {
		rest := blockSize - at%blockSize
		if rest < headerSize { // too little for a chunk
			if record == at {
				record += rest
			}
			at += rest
			continue
		}
		if len(journal)-at < headerSize {
			return journal[:record]
		}
		length, kind := int(binary.LittleEndian.Uint16(journal[at+4:])), journal[at+6]
		switch {
		case kind < chunkFull || kind > chunkLast || headerSize+length > rest:
			return journal // damaged
		case at+headerSize+length > len(journal):
			return journal[:record]
		}
		at += headerSize + length
		if kind == chunkFull || kind == chunkLast {
			record = at
		}
	}
	return journal[:min(record, len(journal))]
}
