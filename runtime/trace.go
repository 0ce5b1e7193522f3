package runtime

// EventID identifies one traced event across nodes. Zero is no event.
type EventID uint64
