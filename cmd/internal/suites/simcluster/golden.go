package simcluster

import "meseta/runtime/runtimetest"

// Golden compares the conversation with testdata/<name>.txt.
func (c *Cluster) Golden(name string) {
	c.Helper()
	c.GoldenText(name, c.Conversation())
}

// GoldenText compares text with testdata/<name>.txt.
func (c *Cluster) GoldenText(name, got string) {
	c.Helper()
	runtimetest.Golden(c, name, got)
}
