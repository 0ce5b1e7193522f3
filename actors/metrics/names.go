package metrics

import (
	"fmt"
	"strings"

	"meseta/messages/pb/mesospb"
)

// OfFramework returns the prefix of the keys of a framework's metrics: "master/frameworks/a%20name/id/".
//
// Mesos: getFrameworkMetricPrefix.
func OfFramework(info *mesospb.FrameworkInfo) string {
	return "master/frameworks/" + encoded(info.GetName()) + "/" + info.GetId().GetValue() + "/"
}

// encoded escapes a framework's name as Mesos does in the names of metrics.
//
// Mesos: process::http::encode.
func encoded(name string) string {
	var b strings.Builder
	for _, c := range []byte(name) {
		if c <= ' ' || c >= 0x7f || strings.IndexByte(`$&+,/:;=?@"<>#%{}|\^~[]`+"`", c) >= 0 {
			fmt.Fprintf(&b, "%%%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}
