package master

import (
	"meseta/actors/registrar"
	"meseta/master/book"
	"meseta/master/leadership"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/registrypb"
)

// UpdateWeights sets the weights of roles. If one of them is in use, it rescinds all offers, because others may now be
// due.
//
// Mesos: Master::WeightsHandler::_updateWeights.
func (m *Master) UpdateWeights(infos []*mesospb.WeightInfo) leadership.Done {
	return m.registry.Store("update the weights", registrar.UpdateWeights{Weights: infos}, func() error {
		m.roles.SetWeights(infos)
		m.cluster.Allocator.UpdateWeights(m.roles.WeightInfos())
		for _, w := range infos {
			if len(m.book.FrameworksIn(w.GetRole())) > 0 {
				m.cluster.Offers.RescindAll()
				break
			}
		}
		return nil
	})
}

// recoverWeights takes the weights from the registry. If there are none, it writes the configured ones to the registry.
func (m *Master) recoverWeights(r *registrypb.Registry) {
	infos := make([]*mesospb.WeightInfo, 0, len(r.GetWeights()))
	for _, w := range r.GetWeights() {
		infos = append(infos, w.GetInfo())
	}
	if len(infos) == 0 && len(m.config.Weights) > 0 {
		infos = book.WeightInfos(m.config.Weights)
		m.registry.Write("store the weights", registrar.UpdateWeights{Weights: infos}, func(bool) {})
	}
	m.roles.SetWeights(infos)
	m.cluster.Allocator.UpdateWeights(m.roles.WeightInfos())
}
