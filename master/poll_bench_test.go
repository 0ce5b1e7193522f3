package master_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/master/mastertest"
	"meseta/messages/ids"
	"meseta/messages/internalpb"
	"meseta/messages/mesospb"
	"meseta/messages/schedulerpb"
	"meseta/runtime"
)

// settler is a scheduler that spreads tasks over the agents, so many on each, which stay.
type settler struct {
	runtime.Actor
	master  runtime.PID
	id      *mesospb.FrameworkID
	each    int
	left    int
	running int
	want    int
	done    chan<- struct{}
}

func (s *settler) Initialize() {
	runtime.Install(s, func(_ runtime.PID, m *internalpb.FrameworkRegisteredMessage) { s.id = m.FrameworkId })
	runtime.Install(s, s.offers)
	runtime.Install(s, s.update)
	s.Send(s.master, &schedulerpb.Call{
		Type: schedulerpb.Call_SUBSCRIBE.Enum(), Subscribe: &schedulerpb.Call_Subscribe{FrameworkInfo: mastertest.Framework()},
	})
}

func (s *settler) offers(_ runtime.PID, m *internalpb.ResourceOffersMessage) {
	for _, o := range m.GetOffers() {
		launch := &mesospb.Offer_Operation_Launch{}
		for range min(s.each, s.left) {
			s.left--
			id := staying + strconv.Itoa(s.left)
			launch.TaskInfos = append(launch.TaskInfos, &mesospb.TaskInfo{
				Name: &id, TaskId: ids.Task(id).Proto(), SlaveId: o.SlaveId,
				Resources: []*mesospb.Resource{mastertest.Resource("cpus", 0.1), mastertest.Resource("mem", 1)},
				Command:   &mesospb.CommandInfo{Value: proto.String("sleep 1000")},
			})
		}
		s.Send(s.master, &schedulerpb.Call{FrameworkId: s.id, Type: schedulerpb.Call_ACCEPT.Enum(), Accept: &schedulerpb.Call_Accept{
			OfferIds: []*mesospb.OfferID{o.Id}, Filters: &mesospb.Filters{RefuseSeconds: proto.Float64(1e6)},
			Operations: []*mesospb.Offer_Operation{{Type: mesospb.Offer_Operation_LAUNCH.Enum(), Launch: launch}},
		}})
	}
}

func (s *settler) update(_ runtime.PID, m *internalpb.StatusUpdateMessage) {
	status := m.GetUpdate().GetStatus()
	s.Send(s.master, &schedulerpb.Call{
		FrameworkId: s.id, Type: schedulerpb.Call_ACKNOWLEDGE.Enum(),
		Acknowledge: &schedulerpb.Call_Acknowledge{SlaveId: status.SlaveId, TaskId: status.TaskId, Uuid: status.Uuid},
	})
	if s.running++; s.running == s.want {
		s.done <- struct{}{}
	}
}

// poller reads a URL again and again.
type poller struct {
	runtime.Actor
	url   string
	every time.Duration
	polls *atomic.Int64
}

func (p *poller) Initialize() { p.poll() }

func (p *poller) poll() {
	p.Delay(p.every, p.poll)
	runtime.Go(p, func(ctx context.Context) (struct{}, error) {
		if drain(ctx, http.MethodGet, p.url, "") == nil {
			p.polls.Add(1)
		}
		return struct{}{}, nil
	})
}

// drain reads an answer to its end.
func drain(ctx context.Context, method, url, body string) error {
	request, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	_, err = io.Copy(io.Discard, response.Body)
	return err
}

// Tasks are launched on a cluster of 1,000 agents and 20,000 running tasks while nobody, or twenty, look at all of
// /state again and again. Readers share the cores with the master.
func BenchmarkTasksWhilePolled(b *testing.B) {
	master, agents := startMaster(b), listen(b)
	spawnHollow(b, agents, master, 1000)
	done := make(chan struct{}, 1)
	ref, err := runtime.Spawn(listen(b), "settler", &settler{master: master, each: 20, left: 20000, want: 20000, done: done})
	if err != nil {
		b.Fatal(err)
	}
	<-done
	runtime.Tell(ref, func(s *settler) {
		s.Send(s.master, &schedulerpb.Call{FrameworkId: s.id, Type: schedulerpb.Call_SUPPRESS.Enum()})
	})
	for _, every := range []time.Duration{0, 5 * time.Second, time.Second} {
		name := "nobody"
		if every > 0 {
			name = fmt.Sprintf("20every%s", every)
		}
		b.Run(name, func(b *testing.B) {
			var polls atomic.Int64
			if node := listen(b); every > 0 {
				for range 20 {
					p := &poller{url: "http://" + master.Addr + "/state", every: every, polls: &polls}
					if _, err := runtime.Spawn(node, node.NewID("poller"), p); err != nil {
						b.Fatal(err)
					}
				}
			}
			launched := make(chan struct{}, 1)
			b.ResetTimer()
			if _, err := runtime.Spawn(listen(b), "scheduler", &hungry{master: master, left: b.N, want: b.N, done: launched}); err != nil {
				b.Fatal(err)
			}
			<-launched
			b.StopTimer()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "tasks/s")
			b.ReportMetric(float64(polls.Load())/b.Elapsed().Seconds(), "polls/s")
		})
	}
}

const staying = "stays-"

func stays(task *mesospb.TaskID) bool { return strings.HasPrefix(task.GetValue(), staying) }

// follower subscribes to all changes and reads them until the connection ends.
type follower struct {
	runtime.Actor
	url string
}

func (f *follower) Initialize() {
	runtime.Go(f, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, drain(ctx, http.MethodPost, f.url, `{"type":"SUBSCRIBE"}`)
	})
}

// Tasks are launched while operators follow every change; they share the cores with the master.
func BenchmarkTasksWhileFollowed(b *testing.B) {
	for _, followers := range []int{0, 10, 100, 1000} {
		b.Run(strconv.Itoa(followers), func(b *testing.B) {
			master, agents, operators := startMaster(b), listen(b), listen(b)
			for range followers {
				f := &follower{url: "http://" + master.Addr + "/api/v1"}
				if _, err := runtime.Spawn(operators, operators.NewID("follower"), f); err != nil {
					b.Fatal(err)
				}
			}
			spawnHollow(b, agents, master, 100)
			done := make(chan struct{}, 1)
			b.ResetTimer()
			if _, err := runtime.Spawn(listen(b), "scheduler", &hungry{master: master, left: b.N, want: b.N, done: done}); err != nil {
				b.Fatal(err)
			}
			<-done
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "tasks/s")
		})
	}
}
