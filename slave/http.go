package slave

import (
	"google.golang.org/protobuf/proto"

	"meseta/messages/ids"
	"meseta/messages/mesospb"
	"meseta/runtime"
	"meseta/slave/book"
)

// routes serves what people and programs may ask the agent.
func (s *Slave) routes() {
	runtime.Route(s, "/api/v1", runtime.Help{TLDR: "Where operators and executors make calls."}, s.serveAPI)
	runtime.Route(s, "/api/v1/executor", runtime.Help{TLDR: "Where executors subscribe to events and make calls."}, s.serveExecutor)
	for _, r := range []struct {
		path, tldr string
		h          func(*runtime.Request) runtime.Future[*runtime.Response]
	}{
		{"/health", "Tells that the agent lives.", s.getHealth},
		{"/state", "What the agent has, runs and has run.", s.getState},
		{"/flags", "The agent's configuration.", s.getFlags},
		{"/containers", "What the containers of executors are like and what they use.", s.getContainers},
		{"/monitor/statistics", "What the containers of executors use.", s.getStatistics},
	} {
		runtime.Route(s, r.path, runtime.Help{TLDR: r.tldr}, r.h)
	}
}

func (s *Slave) getHealth(*runtime.Request) runtime.Future[*runtime.Response] {
	return runtime.Ready(runtime.OK())
}

func (s *Slave) getState(req *runtime.Request) runtime.Future[*runtime.Response] {
	return runtime.Ready(runtime.JSON(req, s.view()))
}

func (s *Slave) getFlags(req *runtime.Request) runtime.Future[*runtime.Response] {
	return runtime.Ready(runtime.JSON(req, map[string]any{"flags": s.flags()}))
}

func (s *Slave) getContainers(req *runtime.Request) runtime.Future[*runtime.Response] {
	return s.answerContainers(req, true)
}

func (s *Slave) getStatistics(req *runtime.Request) runtime.Future[*runtime.Response] {
	return s.answerContainers(req, false)
}

// containerView is a container as endpoints show it.
type containerView struct {
	ContainerID  string          `json:"container_id,omitempty"`
	ExecutorID   string          `json:"executor_id"`
	ExecutorName string          `json:"executor_name"`
	FrameworkID  string          `json:"framework_id"`
	Source       string          `json:"source"`
	Statistics   *statisticsView `json:"statistics,omitempty"`
	Status       *statusView     `json:"status,omitempty"`
}

type statisticsView struct {
	CPUsSoftLimit  *float64 `json:"cpus_soft_limit,omitempty"`
	CPUsSystemTime *float64 `json:"cpus_system_time_secs,omitempty"`
	CPUsUserTime   *float64 `json:"cpus_user_time_secs,omitempty"`
	MemLimit       *uint64  `json:"mem_limit_bytes,omitempty"`
	MemRSS         *uint64  `json:"mem_rss_bytes,omitempty"`
	MemSoftLimit   *uint64  `json:"mem_soft_limit_bytes,omitempty"`
	Timestamp      *float64 `json:"timestamp,omitempty"`
}

type statusView struct {
	ContainerID *valueView `json:"container_id,omitempty"`
	ExecutorPID *uint32    `json:"executor_pid,omitempty"`
}

type valueView struct {
	Value string `json:"value"`
}

// answerContainers asks about all containers at once. One that ends meanwhile is shown without what it does not tell.
func (s *Slave) answerContainers(req *runtime.Request, detailed bool) runtime.Future[*runtime.Response] {
	all := []runtime.Future[containerView]{}
	for f := range s.book.Frameworks() {
		for e := range f.Executors() {
			if e.State != book.Terminated {
				all = append(all, s.viewContainer(f.ID, e, detailed))
			}
		}
	}
	return runtime.Then(runtime.Collect(all...), func(views []containerView) (*runtime.Response, error) {
		if views == nil {
			views = []containerView{}
		}
		return runtime.JSON(req, views), nil
	})
}

func (s *Slave) viewContainer(f ids.Framework, e *book.Executor, detailed bool) runtime.Future[containerView] {
	v := containerView{
		ExecutorID: string(e.ID), ExecutorName: e.Info.GetName(), FrameworkID: string(f), Source: e.Info.GetSource(),
	}
	usage := mend(s.containers.Usage(e.Container), &mesospb.ResourceStatistics{})
	status := mend(s.containers.Status(e.Container), &mesospb.ContainerStatus{})
	if detailed {
		v.ContainerID = string(e.Container)
	}
	both := runtime.Collect(
		runtime.Then(usage, func(u *mesospb.ResourceStatistics) (proto.Message, error) { return u, nil }),
		runtime.Then(status, func(c *mesospb.ContainerStatus) (proto.Message, error) { return c, nil }),
	)
	return runtime.Then(both, func(m []proto.Message) (containerView, error) {
		u, c := m[0].(*mesospb.ResourceStatistics), m[1].(*mesospb.ContainerStatus)
		if u.Timestamp != nil {
			v.Statistics = &statisticsView{
				u.CpusSoftLimit, u.CpusSystemTimeSecs, u.CpusUserTimeSecs, u.MemLimitBytes, u.MemRssBytes, u.MemSoftLimitBytes,
				u.Timestamp,
			}
		}
		if detailed && c.ContainerId != nil {
			v.Status = &statusView{&valueView{c.GetContainerId().GetValue()}, c.ExecutorPid}
		}
		return v, nil
	})
}

// mend is f, or instead where f fails.
func mend[T any](f runtime.Future[T], instead T) runtime.Future[T] {
	return runtime.Recover(f, func(error) (T, error) { return instead, nil })
}

func (s *Slave) flags() map[string]string {
	if s.config.Flags == nil {
		return map[string]string{}
	}
	return s.config.Flags
}
