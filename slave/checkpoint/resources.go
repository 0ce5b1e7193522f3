package checkpoint

import (
	"google.golang.org/protobuf/proto"

	"meseta/messages/pb/agentstatepb"
	"meseta/messages/pb/mesospb"
)

// Intend records what the resources and operations of an agent are to be. Afterwards volumes are made and deleted
// accordingly, and then [Records.Commit] makes it what they are. An agent that starts between the two does so as well.
// resources are those of s in the form that agents before Mesos 1.7 understand; nil if only operations change.
//
// Mesos: Slave::checkpointResourceState.
func (r *Records) Intend(root Root, s *agentstatepb.ResourceState, resources []*mesospb.Resource) {
	r.Message(root.ResourceStateTarget(), s)
	if resources != nil {
		Messages(r, root.ResourcesTarget(), resources)
	}
}

// Commit follows [Records.Intend]. resources reports whether it recorded resources.
func (r *Records) Commit(root Root, resources bool) {
	if resources {
		r.Rename(root.ResourcesTarget(), root.Resources())
	}
	r.Rename(root.ResourceStateTarget(), root.ResourceState())
}

// resources reads what [Records.Intend] and [Records.Commit] have written, or agents before Mesos 1.7.
//
// Mesos: ResourcesState::recover, SlaveState::recover.
//
// Differs: Mesos reads the operations that were intended, but not the resources if none were committed before, so that
// an agent that dies during its first operation says later that it has finished.
func (r *reader) resources(root Root) (s ResourcesState, err error) {
	committed, state := r.exists(root.ResourceState()), &agentstatepb.ResourceState{}
	if committed {
		err = r.record(root.ResourceState(), "resource and operations file", state)
		s.Resources, s.Operations = state.GetResources(), state.GetOperations()
	} else {
		s, err = r.oldResources(root)
	}
	if err != nil {
		return s, err
	}
	if !r.exists(root.ResourceStateTarget()) {
		return s, nil
	}
	target, damaged := &agentstatepb.ResourceState{}, r.errors
	if err := r.record(root.ResourceStateTarget(), "resources and operations target file", target); err != nil || r.errors > damaged {
		return s, err
	}
	s.Operations, s.Target, s.Pending = target.GetOperations(), target.GetResources(), true
	return s, nil
}

// record reads a message from a file that exists. Damage leaves m empty, unless it is an error.
func (r *reader) record(path, what string, m proto.Message) error {
	content, found, err := r.content(path, what)
	if !found {
		return err
	}
	if err := Decode(content, m); err != nil {
		proto.Reset(m)
		return r.damaged("Failed to read %s '%s': %w", what, path, err)
	}
	return nil
}

// oldResources reads the resources of an agent before Mesos 1.7.
func (r *reader) oldResources(root Root) (s ResourcesState, err error) {
	if !r.exists(root.Resources()) {
		return s, nil
	}
	if s.Resources, err = r.list(root.Resources()); err != nil || !r.exists(root.ResourcesTarget()) {
		return s, err
	}
	damaged := r.errors
	s.Target, err = r.list(root.ResourcesTarget())
	s.Pending = err == nil && r.errors == damaged
	return s, err
}

// list reads a list of resources.
func (r *reader) list(path string) (all []*mesospb.Resource, err error) {
	content, _, err := r.content(path, "resources")
	for len(content) > 0 && err == nil {
		m := &mesospb.Resource{}
		if content, err = decodeFirst(content, m); err == nil {
			all = append(all, m)
		}
	}
	if err != nil {
		return nil, r.damaged("Failed to read resources file '%s': %w", path, err)
	}
	return all, nil
}
