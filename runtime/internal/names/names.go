// Package names says which names of actors and messages can be read back from where they stand on the wire.
package names

import (
	"errors"
	"fmt"
	"strings"
	"sync"
)

// CheckActor refuses an id that could not be read back from a PID, from the path of a message or from a header: peers would
// answer 400, and break the links of other actors with the connection.
func CheckActor(id string) error {
	const apart = "/@?#%"
	switch {
	case id == "":
		return errors.New("runtime: an actor needs an id")
	case !readable(id, apart):
		return fmt.Errorf("runtime: an actor cannot be called %q: an id is printable ASCII without spaces and any of %s", id, apart)
	}
	return nil
}

// CheckMessage refuses a name that could not be read back from the path that a message has on the wire.
func CheckMessage(name string) error {
	const apart = "/?#%"
	if name == "" || !readable(name, apart) {
		return fmt.Errorf("a message cannot be called %.80q: a name is printable ASCII without spaces and any of %s", name, apart)
	}
	return nil
}

// readable reports whether s is printable ASCII without spaces and any of apart.
func readable(s, apart string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune(apart, r) })
}

// Serials makes ids that are not used again. The zero Serials is ready, and may be used from any goroutine.
type Serials struct {
	mu   sync.Mutex
	last map[string]int
}

// Next returns prefix(1), prefix(2), … (libprocess: ID::generate).
func (s *Serials) Next(prefix string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.last == nil {
		s.last = map[string]int{}
	}
	s.last[prefix]++
	return fmt.Sprintf("%s(%d)", prefix, s.last[prefix])
}
