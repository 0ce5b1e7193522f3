package resources

// Is reports at once whether rs is the very bag that other is. Bags that are equal may be told apart by it.
func (rs Resources) Is(other Resources) bool {
	return len(rs.items) == len(other.items) && (len(rs.items) == 0 || &rs.items[0] == &other.items[0])
}
