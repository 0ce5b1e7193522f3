package master

// route installs the HTTP endpoints.
func (m *Master) route() {}
