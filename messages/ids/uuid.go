package ids

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
)

// UUID identifies a status update, an operation, or one run of a driver. Messages carry its 16 bytes.
type UUID [16]byte

// NewUUID generates a UUID of version 4 (RFC 4122) from r. Actors pass their own source, so that simulations are
// reproducible.
func NewUUID(r *rand.Rand) UUID {
	var u UUID
	binary.BigEndian.PutUint64(u[:8], r.Uint64())
	binary.BigEndian.PutUint64(u[8:], r.Uint64())
	u[6] = u[6]&0x0f | 0x40
	u[8] = u[8]&0x3f | 0x80
	return u
}

// UUIDOf returns the UUID in the bytes of a message, of which there must be 16.
func UUIDOf(b []byte) (UUID, error) {
	if len(b) != len(UUID{}) {
		return UUID{}, fmt.Errorf("ids: a UUID has 16 bytes, not %d", len(b))
	}
	return UUID(b), nil
}

// CheckUUID returns an error in Mesos's words unless b is a UUID of some version. Executors of mesos-go send version 1.
//
// Mesos: id::UUID::fromBytes.
func CheckUUID(b []byte) error {
	if len(b) != len(UUID{}) || b[6]>>4 < 1 || b[6]>>4 > 5 {
		return errors.New("Not a valid UUID")
	}
	return nil
}

// ParseUUID parses the text that [UUID.String] returns.
func ParseUUID(text string) (UUID, error) {
	b, _ := hex.DecodeString(strings.ReplaceAll(text, "-", ""))
	id, err := UUIDOf(b)
	if err != nil || id.String() != text {
		return UUID{}, fmt.Errorf("'%s' is not a UUID", text)
	}
	return id, nil
}

// Bytes returns u as messages carry it.
func (u UUID) Bytes() []byte { return u[:] }

// String returns u as 8-4-4-4-12 hexadecimal digits.
func (u UUID) String() string {
	s := hex.EncodeToString(u[:])
	return s[:8] + "-" + s[8:12] + "-" + s[12:16] + "-" + s[16:20] + "-" + s[20:]
}
