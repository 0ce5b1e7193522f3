package program

import (
	"google.golang.org/protobuf/proto"

	"meseta/messages/about"
	"meseta/runtime/trace"
)

// Lens reads Mesos's messages for traces. It shows no secrets; see [about.Hidden].
var Lens = trace.Lens{Subjects: subjects, Summary: about.Summary}

func subjects(m proto.Message) []string {
	var all []string
	for _, s := range about.Of(m) {
		all = append(all, s.String())
	}
	return all
}
