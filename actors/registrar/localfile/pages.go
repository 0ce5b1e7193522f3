package localfile

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"math"
)

// Constants of bbolt's file format. Numbers are in the byte order of the machine that wrote the file.
const (
	metaMagic    = 0xED0CDAED
	metaVersion  = 2
	metaSize     = 64
	headerSize   = 16
	elementSize  = 16
	bucketHeader = 16

	flagBranch   = 0x01
	flagLeaf     = 0x02
	flagMeta     = 0x04
	flagFreelist = 0x10
	flagBucket   = 0x01 // of a leaf's element

	noFreelist = math.MaxUint64
)

var order = binary.NativeEndian

// pages is the untrusted content of a bbolt file. bbolt maps the file into memory and follows its numbers unchecked,
// partly on goroutines of its own, so a modified number could crash the process or make it loop.
type pages struct {
	data  []byte
	size  uint64 // of one page
	limit uint64 // the first page that is not in use
	used  map[uint64]bool
}

// meta is one of the two pages that locate everything else. Commits write them alternately.
type meta struct {
	pageSize                    uint32
	root, freelist, limit, txid uint64
}

// checkPages returns an error unless bbolt can read data without leaving it: page numbers and element sizes are in
// range, and the pages form a tree. It detects modified numbers, not modified content.
func checkPages(data []byte) error {
	m, err := latestMeta(data)
	if err != nil {
		return err
	}
	p := &pages{data: data, size: uint64(m.pageSize), limit: m.limit, used: map[uint64]bool{}}
	if have := uint64(len(data)) / p.size; have < p.limit {
		return fmt.Errorf("it has %d bytes and should have at least %d", len(data), p.limit*p.size)
	}
	if m.freelist != noFreelist {
		if err := p.checkFreelist(m.freelist); err != nil {
			return err
		}
	}
	return p.checkTree(m.root)
}

// latestMeta returns the meta page of the last commit. Both must be valid. bbolt itself accepts a single valid one,
// and so falls back to the commit before the last. That would suit a half-written meta page, but no disk writes half
// of so small a piece, and a registry that lacks confirmed changes is worse than none.
func latestMeta(data []byte) (meta, error) {
	first, err := readMeta(data, 0, 0)
	if err != nil {
		return meta{}, err
	}
	second, err := readMeta(data, 1, uint64(first.pageSize))
	if err != nil {
		return meta{}, err
	}
	if second.pageSize != first.pageSize || max(first.txid, second.txid)-min(first.txid, second.txid) != 1 {
		return meta{}, errors.New("its two beginnings do not belong together")
	}
	if first.txid > second.txid {
		return first, nil
	}
	return second, nil
}

// readMeta decodes the meta page id, which begins at byte offset at.
func readMeta(data []byte, id, at uint64) (meta, error) {
	if uint64(len(data)) < at+headerSize+metaSize {
		return meta{}, fmt.Errorf("it has %d bytes and is cut at its beginning", len(data))
	}
	header, b := data[at:], data[at+headerSize:][:metaSize]
	sum := fnv.New64a()
	_, _ = sum.Write(b[:metaSize-8])
	switch {
	case order.Uint32(b) != metaMagic || order.Uint32(b[4:]) != metaVersion:
		return meta{}, errors.New("it is not a registry, or its beginning was changed")
	case order.Uint64(b[metaSize-8:]) != sum.Sum64() || order.Uint64(header) != id || order.Uint16(header[8:]) != flagMeta:
		return meta{}, errors.New("its beginning was changed")
	}
	m := meta{
		pageSize: order.Uint32(b[8:]), root: order.Uint64(b[16:]), freelist: order.Uint64(b[32:]),
		limit: order.Uint64(b[40:]), txid: order.Uint64(b[48:]),
	}
	if m.pageSize < headerSize+metaSize || m.limit > math.MaxInt64/uint64(m.pageSize) {
		return meta{}, errors.New("its beginning is impossible")
	}
	return m, nil
}

// page returns the page id together with its overflow pages, and marks them as used.
func (p *pages) page(id uint64) ([]byte, error) {
	if id < 2 || id >= p.limit {
		return nil, fmt.Errorf("there is no page %d", id)
	}
	header := p.data[id*p.size:]
	if order.Uint64(header) != id {
		return nil, fmt.Errorf("page %d was changed", id)
	}
	more := uint64(order.Uint32(header[12:]))
	if more >= p.limit-id {
		return nil, fmt.Errorf("page %d is too long", id)
	}
	for i := id; i <= id+more; i++ {
		if p.used[i] {
			return nil, fmt.Errorf("page %d is used twice", i)
		}
		p.used[i] = true
	}
	return header[:(more+1)*p.size], nil
}

func (p *pages) checkFreelist(id uint64) error {
	page, err := p.page(id)
	if err != nil {
		return err
	}
	if order.Uint16(page[8:]) != flagFreelist {
		return fmt.Errorf("page %d does not list the free pages", id)
	}
	count, list := uint64(order.Uint16(page[10:])), page[headerSize:]
	if count == math.MaxUint16 {
		count, list = order.Uint64(list), list[8:]
	}
	if count > uint64(len(list))/8 {
		return fmt.Errorf("page %d lists too many free pages", id)
	}
	for i := range count {
		if free := order.Uint64(list[8*i:]); free < 2 || free >= p.limit {
			return fmt.Errorf("page %d lists a free page %d that does not exist", id, free)
		}
	}
	return nil
}

// checkTree checks the page id and all pages below it.
func (p *pages) checkTree(id uint64) error {
	page, err := p.page(id)
	if err != nil {
		return err
	}
	switch order.Uint16(page[8:]) {
	case flagLeaf:
		err = p.checkLeaf(page)
	case flagBranch:
		err = p.checkBranch(page)
	default:
		err = errors.New("its kind is unknown")
	}
	if err != nil {
		return fmt.Errorf("page %d: %w", id, err)
	}
	return nil
}

func (p *pages) checkBranch(page []byte) error {
	count := int(order.Uint16(page[10:]))
	if count == 0 {
		return errors.New("it leads nowhere")
	}
	for i := range count {
		if _, err := element(page, i, 0, 4, 4); err != nil {
			return err
		}
		if err := p.checkTree(order.Uint64(page[headerSize+elementSize*i+8:])); err != nil {
			return err
		}
	}
	return nil
}

func (p *pages) checkLeaf(page []byte) error {
	for i := range int(order.Uint16(page[10:])) {
		value, err := element(page, i, 4, 8, 12)
		if err != nil {
			return err
		}
		if order.Uint32(page[headerSize+elementSize*i:])&flagBucket == 0 {
			continue
		}
		if err := p.checkBucket(value); err != nil {
			return err
		}
	}
	return nil
}

// checkBucket checks a bucket, which has pages of its own or, if it is small, follows its header.
func (p *pages) checkBucket(value []byte) error {
	if len(value) < bucketHeader {
		return errors.New("a bucket is cut")
	}
	if root := order.Uint64(value); root != 0 {
		return p.checkTree(root)
	}
	inline := value[bucketHeader:]
	if len(inline) < headerSize || order.Uint16(inline[8:]) != flagLeaf {
		return errors.New("a small bucket was changed")
	}
	return p.checkLeaf(inline)
}

// element returns the value of element i of a leaf page, or nothing for a branch page. at, key and value are the
// offsets within the element of its relative position, the length of its key and the length of its value.
func element(page []byte, i, at, key, value int) ([]byte, error) {
	begin := headerSize + elementSize*i
	if begin+elementSize > len(page) {
		return nil, errors.New("it has too many elements")
	}
	e := page[begin:]
	from := uint64(order.Uint32(e[at:])) + uint64(order.Uint32(e[key:]))
	to := from
	if value > key {
		to += uint64(order.Uint32(e[value:]))
	}
	if to > uint64(len(e)) {
		return nil, fmt.Errorf("its element %d is too long", i)
	}
	return e[from:to], nil
}
