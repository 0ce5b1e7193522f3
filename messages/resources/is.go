package resources

// Is reports, in constant time, whether rs and other are the same bag in memory. It may return false for equal bags.
func (rs Resources) Is(other Resources) bool {
	return len(rs.items) == len(other.items) && (len(rs.items) == 0 || &rs.items[0] == &other.items[0])
}
