package book

import (
	"bytes"
	"cmp"
	"maps"
	"slices"

	"meseta/messages/ids"
	"meseta/messages/operations"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
)

// Operation is an operation on the resources of a registered agent, from its acceptance, or from the agent's report of it, until
// its terminal status is acknowledged.
type Operation struct {
	UUID      ids.UUID
	Framework ids.Framework // empty if an operator asked for it
	Agent     ids.Agent
	described *mesospb.Operation // never changes, but is replaced
}

// NewOperation returns the operation that described describes. It fails if the UUID is malformed.
func NewOperation(described *mesospb.Operation, agent ids.Agent) (*Operation, error) {
	id, err := ids.UUIDOf(described.GetUuid().GetValue())
	return &Operation{UUID: id, Framework: ids.FrameworkOf(described.GetFrameworkId()), Agent: agent, described: described}, err
}

// Described returns what is known of the operation now. The message never changes.
func (o *Operation) Described() *mesospb.Operation { return o.described }

// ID returns the ID that the framework gave the operation, or nil if it does not want to hear of the operation.
func (o *Operation) ID() *mesospb.OperationID { return o.described.GetInfo().GetId() }

// Type returns the type of the operation.
func (o *Operation) Type() mesospb.Offer_Operation_Type { return o.described.GetInfo().GetType() }

// State returns the latest state.
func (o *Operation) State() mesospb.OperationState { return o.described.GetLatestStatus().GetState() }

// Provider returns the resource provider of the operation's resources, or nil if they are the agent's own.
func (o *Operation) Provider() *mesospb.ResourceProviderID {
	return operations.Provider(o.described.GetInfo())
}

// Status returns the status with a UUID that the agent has reported, or nil.
func (o *Operation) Status(uuid []byte) *mesospb.OperationStatus {
	for _, s := range o.described.GetStatuses() {
		if s.Uuid != nil && bytes.Equal(s.GetUuid().GetValue(), uuid) {
			return s
		}
	}
	return nil
}

// operationSet is a set of operations. Agents choose the UUIDs of those that they report, so two agents might use the same.
type operationSet map[*Operation]struct{}

func (set operationSet) has(o *Operation) bool {
	_, ok := set[o]
	return ok
}

// inOrder returns the operations of a set by UUID.
func inOrder(set operationSet) []*Operation {
	all := slices.Collect(maps.Keys(set))
	slices.SortFunc(all, func(x, y *Operation) int {
		return cmp.Or(bytes.Compare(x.UUID[:], y.UUID[:]), compareIDs(x.Agent, y.Agent))
	})
	return all
}

// ---- the operations in the book ----

// AddOperation adds an operation on a registered agent. Its framework, if it has one, may be unknown.
func (b *Book) AddOperation(o *Operation) {
	a := b.agents[o.Agent]
	assert(a != nil, "operation %s is on an unknown agent", o.UUID)
	assert(a.operations[o.UUID] == nil, "operation %s is on agent %s already", o.UUID, o.Agent)
	if a.operations == nil {
		a.operations = map[ids.UUID]*Operation{}
	}
	a.operations[o.UUID] = o
	a.revision++
	if f := b.frameworks[o.Framework]; f != nil {
		f.enlist(o)
	} else {
		b.disown(o)
	}
}

// UpdateOperation applies an agent's update of o.
func (b *Book) UpdateOperation(o *Operation, update *internalpb.UpdateOperationStatusMessage) {
	o.described = operations.Updated(o.described, update)
	b.agents[o.Agent].revision++
}

// RemoveOperation removes o.
func (b *Book) RemoveOperation(o *Operation) {
	a := b.agents[o.Agent]
	assert(a.operations[o.UUID] == o, "operation %s is not on agent %s", o.UUID, o.Agent)
	delete(a.operations, o.UUID)
	a.revision++
	if f := b.frameworks[o.Framework]; f != nil {
		f.strike(o)
		return
	}
	delete(b.disowned[o.Framework], o)
	if len(b.disowned[o.Framework]) == 0 {
		delete(b.disowned, o.Framework)
	}
}

// disown records that the framework of o, if there is one, is unknown. It may subscribe again.
func (b *Book) disown(o *Operation) {
	if b.disowned[o.Framework] == nil {
		b.disowned[o.Framework] = operationSet{}
	}
	b.disowned[o.Framework][o] = struct{}{}
}

// disownAll is disown for all operations of f, which is removed.
func (b *Book) disownAll(f *Framework) {
	for o := range f.operations {
		b.disown(o)
	}
	f.operations, f.operationIDs = nil, nil
}

// adopt gives f, which is new, its operations on agents.
func (b *Book) adopt(f *Framework) {
	for _, o := range inOrder(b.disowned[f.ID]) {
		f.enlist(o)
	}
	delete(b.disowned, f.ID)
}

// Operation returns the operation on a, or nil.
func (a *Agent) Operation(id ids.UUID) *Operation { return a.operations[id] }

// Operations returns the operations on a by UUID.
func (a *Agent) Operations() []*Operation {
	if len(a.operations) == 0 {
		return nil
	}
	return sorted(a.operations, func(o *Operation) (string, string) { return string(o.UUID[:]), "" })
}

// OperationCount returns the number of operations on a.
func (a *Agent) OperationCount() int { return len(a.operations) }

// Operations returns the operations of f by UUID.
func (f *Framework) Operations() []*Operation { return inOrder(f.operations) }

// OperationByID returns the operation to which f gave an ID: the latest, if f gave it to several. It returns nil if there is none.
func (f *Framework) OperationByID(id *mesospb.OperationID) *Operation {
	return f.operationIDs[id.GetValue()]
}

func (f *Framework) enlist(o *Operation) {
	if f.operations == nil {
		f.operations, f.operationIDs = operationSet{}, map[string]*Operation{}
	}
	f.operations[o] = struct{}{}
	if id := o.ID(); id != nil {
		f.operationIDs[id.GetValue()] = o
	}
}

func (f *Framework) strike(o *Operation) {
	delete(f.operations, o)
	if id := o.ID(); id != nil && f.operationIDs[id.GetValue()] == o {
		delete(f.operationIDs, id.GetValue())
	}
}
