package simcluster

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

var rewrite = flag.Bool("rewrite", false, "write the golden files anew")

// Golden compares the conversation with testdata/<name>.txt.
func (c *Cluster) Golden(name string) {
	c.Helper()
	c.GoldenText(name, c.Conversation())
}

// GoldenText compares text with testdata/<name>.txt.
func (c *Cluster) GoldenText(name, got string) {
	c.Helper()
	path := filepath.Join("testdata", name+".txt")
	if *rewrite {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			c.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		c.Fatal(err)
	}
	if got != string(want) {
		c.Errorf("it differs from %s; run with -rewrite and review\n%s", path, difference(string(want), got))
	}
}

// difference shows the lines from the first that differs.
func difference(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	i := 0
	for i < len(w) && i < len(g) && w[i] == g[i] {
		i++
	}
	return fmt.Sprintf("line %d; want:\n%s\ngot:\n%s", i+1, strings.Join(w[i:min(i+8, len(w))], "\n"), strings.Join(g[i:min(i+8, len(g))], "\n"))
}
