// Package ids defines a Go type for each of Mesos's identifiers. The types are comparable, so that they can be map
// keys, and distinct, so that one cannot be mistaken for another. The zero value means no ID; Mesos treats an ID with
// an empty value as absent.
package ids

import "meseta/messages/pb/mesospb"

// The identifiers, with the protobuf messages that carry them.
type (
	Framework        string // mesos.FrameworkID
	Agent            string // mesos.SlaveID
	Offer            string // mesos.OfferID
	Task             string // mesos.TaskID
	Executor         string // mesos.ExecutorID
	Operation        string // mesos.OperationID
	ResourceProvider string // mesos.ResourceProviderID
)

// FrameworkOf returns the ID in p, or the empty ID if p is nil.
func FrameworkOf(p *mesospb.FrameworkID) Framework { return Framework(p.GetValue()) }

// AgentOf returns the ID in p, or the empty ID if p is nil.
func AgentOf(p *mesospb.SlaveID) Agent { return Agent(p.GetValue()) }

// OfferOf returns the ID in p, or the empty ID if p is nil.
func OfferOf(p *mesospb.OfferID) Offer { return Offer(p.GetValue()) }

// TaskOf returns the ID in p, or the empty ID if p is nil.
func TaskOf(p *mesospb.TaskID) Task { return Task(p.GetValue()) }

// ExecutorOf returns the ID in p, or the empty ID if p is nil.
func ExecutorOf(p *mesospb.ExecutorID) Executor { return Executor(p.GetValue()) }

// ResourceProviderOf returns the ID in p, or the empty ID if p is nil.
func ResourceProviderOf(p *mesospb.ResourceProviderID) ResourceProvider {
	return ResourceProvider(p.GetValue())
}

// Proto returns id as a message.
func (id Framework) Proto() *mesospb.FrameworkID { return &mesospb.FrameworkID{Value: text(id)} }

// Proto returns id as a message.
func (id Agent) Proto() *mesospb.SlaveID { return &mesospb.SlaveID{Value: text(id)} }

// Proto returns id as a message.
func (id Offer) Proto() *mesospb.OfferID { return &mesospb.OfferID{Value: text(id)} }

// Proto returns id as a message.
func (id Task) Proto() *mesospb.TaskID { return &mesospb.TaskID{Value: text(id)} }

// Proto returns id as a message.
func (id Executor) Proto() *mesospb.ExecutorID { return &mesospb.ExecutorID{Value: text(id)} }

// Proto returns id as a message.
func (id Operation) Proto() *mesospb.OperationID { return &mesospb.OperationID{Value: text(id)} }

// Proto returns id as a message.
func (id ResourceProvider) Proto() *mesospb.ResourceProviderID {
	return &mesospb.ResourceProviderID{Value: text(id)}
}

func (id Framework) String() string        { return string(id) }
func (id Agent) String() string            { return string(id) }
func (id Offer) String() string            { return string(id) }
func (id Task) String() string             { return string(id) }
func (id Executor) String() string         { return string(id) }
func (id Operation) String() string        { return string(id) }
func (id ResourceProvider) String() string { return string(id) }

func text[T ~string](id T) *string {
	s := string(id)
	return &s
}
