package slots_test

import (
	"fmt"
	"sync/atomic"
	"testing"

	"meseta/runtime/internal/slots"
)

func TestKeysKeepTheirSlot(t *testing.T) {
	t.Parallel()
	s := slots.New[string]()
	used := map[*atomic.Pointer[string]]bool{}
	for i := range 1000 {
		key := fmt.Sprint("key", i)
		s.Of(key).Store(&key)
		if got := s.Of(key).Load(); got != &key {
			t.Fatalf("%s is found as %v", key, got)
		}
		used[s.Of(key)] = true
	}
	if len(used) < 300 {
		t.Errorf("1000 keys use %d slots", len(used))
	}
}
