package simcluster

import (
	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/sched"
)

// voice is how a scheduler speaks to its master.
type voice interface {
	accept(offer ids.Offer, operations []*mesospb.Offer_Operation)
	decline(offer ids.Offer, refusal *mesospb.Filters)
	revive()
	kill(ids.Task)
	reconcile([]*mesospb.TaskStatus)
	living() bool // it has not given up
}

// driven speaks by a driver.
type driven struct{ *sched.Driver }

func (d driven) accept(offer ids.Offer, operations []*mesospb.Offer_Operation) {
	d.AcceptOffers([]ids.Offer{offer}, operations, nil)
}

func (d driven) decline(offer ids.Offer, refusal *mesospb.Filters) { d.DeclineOffer(offer, refusal) }

func (d driven) revive() { d.ReviveOffers() }

func (d driven) kill(t ids.Task) { d.KillTask(t) }

func (d driven) reconcile(tasks []*mesospb.TaskStatus) { d.ReconcileTasks(tasks) }

func (d driven) living() bool { return d.Status() == sched.Running }
