package simcluster

import (
	"fmt"

	"meseta/master"
	"meseta/master/book"
	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/messages/resources"
	"meseta/slave"
)

// checkOperations compares the resources of agents, as operations have made them, with what the master thinks, and demands that no
// operation is left over.
func (c *Cluster) checkOperations() (problems []string) {
	for _, a := range c.Agents {
		if !a.Living() {
			continue
		}
		var id ids.Agent
		var total resources.Resources
		var open []*mesospb.Operation
		a.Do(func(s *slave.Slave) {
			facts := s.Facts()
			id, total, open = ids.AgentOf(facts.Info.GetId()), facts.Total, facts.Operations
		})
		if len(open) > 0 {
			problems = append(problems, fmt.Sprintf("%s has not finished with the operations %v", a.Name, open))
		}
		c.Master.Do(func(m *master.Master) { problems = append(problems, checkTotal(a.Name, m.Book().Agent(id), total)...) })
	}
	return problems
}

func checkTotal(name string, known *book.Agent, total resources.Resources) (problems []string) {
	if known == nil {
		return nil // others complain
	}
	if !known.Total.Equal(total) {
		problems = append(problems, fmt.Sprintf("%s has %v, the master thinks %v", name, total, known.Total))
	}
	if n := known.OperationCount(); n > 0 {
		problems = append(problems, fmt.Sprintf("the master has not finished with %d operations on %s", n, name))
	}
	return problems
}
