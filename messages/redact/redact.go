// Package redact leaves the values of secrets out of what is shown to others. What has none is returned as it is.
package redact

import (
	"slices"

	"google.golang.org/protobuf/proto"

	"meseta/messages/pb/mesospb"
	"meseta/messages/shallow"
)

// Executor returns an executor without the values of the secrets in its environment and in volumes. It shares with info
// whatever has none.
//
// Differs: Mesos shows them to everybody who may see the executor.
func Executor(info *mesospb.ExecutorInfo) *mesospb.ExecutorInfo {
	run, container := command(info.GetCommand()), Container(info.GetContainer())
	if run == info.GetCommand() && container == info.GetContainer() {
		return info
	}
	info = shallow.Copy(info)
	info.Command, info.Container = run, container
	return info
}

// Container returns a container without the values of the secrets that are its volumes.
func Container(c *mesospb.ContainerInfo) *mesospb.ContainerInfo {
	hasValue := func(v *mesospb.Volume) bool { return v.GetSource().GetSecret().GetValue() != nil }
	if !slices.ContainsFunc(c.GetVolumes(), hasValue) {
		return c
	}
	c = shallow.Copy(c)
	c.Volumes = slices.Clone(c.Volumes)
	for i, v := range c.Volumes {
		if hasValue(v) {
			c.Volumes[i] = proto.CloneOf(v)
			c.Volumes[i].Source.Secret.Value = noSecret()
		}
	}
	return c
}

// command returns a command without the values of the secrets in its environment.
func command(c *mesospb.CommandInfo) *mesospb.CommandInfo {
	hasValue := func(v *mesospb.Environment_Variable) bool { return v.GetSecret().GetValue() != nil }
	if !slices.ContainsFunc(c.GetEnvironment().GetVariables(), hasValue) {
		return c
	}
	c = shallow.Copy(c)
	c.Environment = proto.CloneOf(c.Environment)
	for _, v := range c.Environment.Variables {
		if hasValue(v) {
			v.Secret.Value = noSecret()
		}
	}
	return c
}

func noSecret() *mesospb.Secret_Value { return &mesospb.Secret_Value{Data: []byte{}} }
