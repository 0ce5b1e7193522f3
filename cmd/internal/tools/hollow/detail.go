package main

import (
	"google.golang.org/protobuf/proto"

	"meseta/messages/pb/mesospb"
)

// describe adds details to a task as frameworks do, so that it takes 1.1 kB in /state, about as much as on the cluster
// on which the C++ master was measured.
func describe(t *mesospb.TaskInfo) {
	t.Labels = labels(
		"team", "payments", "tier", "backend", "version", "2026.11.21-a7f93c1", "repository", "git.hollow/payments/ledger",
		"alert", "https://oncall.hollow/payments", "cost-center", "4711", "stage", "production",
		"runbook", "https://wiki.hollow/runbooks/payments/ledger",
	)
	t.Discovery = &mesospb.DiscoveryInfo{
		Visibility: mesospb.DiscoveryInfo_CLUSTER.Enum(), Name: t.Name,
		Ports: &mesospb.Ports{Ports: []*mesospb.Port{{
			Number: proto.Uint32(8080), Name: proto.String("http"), Protocol: proto.String("tcp"),
		}}},
	}
}

// placed is the container status that agents report for a task.
var placed = &mesospb.ContainerStatus{
	ContainerId: &mesospb.ContainerID{Value: proto.String("d089d98b-ddcb-48c6-a652-6e69e7f948cb")},
	NetworkInfos: []*mesospb.NetworkInfo{{IpAddresses: []*mesospb.NetworkInfo_IPAddress{{
		Protocol: mesospb.NetworkInfo_IPv4.Enum(), IpAddress: proto.String("192.0.2.17"),
	}}}},
}

// labels returns labels. words are keys and values, alternating.
func labels(words ...string) *mesospb.Labels {
	all := &mesospb.Labels{}
	for i := 0; i < len(words); i += 2 {
		all.Labels = append(all.Labels, &mesospb.Label{Key: &words[i], Value: &words[i+1]})
	}
	return all
}
