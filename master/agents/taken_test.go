package agents

import (
	"testing"

	"google.golang.org/protobuf/proto"

	"meseta/master/book"
	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/messages/resources"
)

// What resources came to is not taken for those of another framework, or of one that has other roles by now.
func TestResourcesAreRememberedForOneFramework(t *testing.T) {
	t.Parallel()
	cpus, err := resources.Parse("cpus:1", "*")
	if err != nil {
		t.Fatal(err)
	}
	list := cpus.Proto()
	framework := func(id ids.Framework, role string) *book.Framework {
		return book.NewFramework(&mesospb.FrameworkInfo{Id: id.Proto(), Name: proto.String("f"), Role: &role})
	}
	var known taken
	for _, c := range []struct {
		framework *book.Framework
		want      string
	}{
		{framework("f1", "web"), "cpus(allocated: web):1"},
		{framework("f2", "db"), "cpus(allocated: db):1"},
		{framework("f1", "ops"), "cpus(allocated: ops):1"},
	} {
		for range 2 {
			if got := known.heldBy(c.framework, list).String(); got != c.want {
				t.Errorf("%s holds %s, want %s", c.framework.ID, got, c.want)
			}
		}
	}
}
