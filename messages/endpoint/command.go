package endpoint

import (
	"meseta/messages/jsonwriter"
	"meseta/messages/pb/mesospb"
)

// Command writes all fields of a command. A nil command is written as an empty one.
//
// Mesos: json(JSON::ObjectWriter*, const CommandInfo&).
func Command(o jsonwriter.Object, c *mesospb.CommandInfo) {
	if c != nil && c.Shell != nil {
		o.Boolean("shell", c.GetShell())
	}
	if c != nil && c.Value != nil {
		o.Str("value", c.GetValue())
	}
	o.Strs("argv", c.GetArguments())
	if c.GetEnvironment() != nil {
		o.Message("environment", c.GetEnvironment())
	}
	o.List("uris", func(a jsonwriter.Array) {
		for _, uri := range c.GetUris() {
			a.Obj(func(o jsonwriter.Object) {
				o.Str("value", uri.GetValue())
				o.Boolean("executable", uri.GetExecutable())
			})
		}
	})
}
