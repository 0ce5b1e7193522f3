package slave_test

import (
	"context"
	"errors"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"meseta/actors/hooks"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/slavepb"
	"meseta/messages/resources"
	"meseta/runtime"
	"meseta/slave/oversubscription"
	"meseta/slave/slavetest"
)

// steps notes the steps of an agent's initialization. One of them may fail.
type steps struct {
	slavetest.System
	noted []string
	fails string
}

func (s *steps) note(step string) error {
	s.noted = append(s.noted, step)
	if step == s.fails {
		return errors.New(step + " fails")
	}
	return nil
}

func (s *steps) CPUs() (int, error)                   { return 4, s.note("resources") }
func (s *steps) BootID() (string, error)              { return "boot", s.note("recovery") }
func (s *steps) Mounts() ([]string, error)            { return s.Disks, s.note("disks") }
func (s *steps) RealPath(path string) (string, error) { return path, nil }

func (s *steps) DiskUsage(string) (float64, error) { return 0, s.note("disk watch") }

func (s *steps) hook() hooks.Hook {
	return hooks.Hook{
		SlaveResourcesDecorator: func(_ context.Context, a *mesospb.SlaveInfo) ([]*mesospb.Resource, error) {
			return a.GetResources(), s.note("hooks of resources")
		},
		SlaveAttributesDecorator: func(_ context.Context, a *mesospb.SlaveInfo) ([]*mesospb.Attribute, error) {
			return a.GetAttributes(), s.note("hooks of attributes")
		},
	}
}

// lender is an estimator and a controller whose initialization is a step.
type lender struct {
	*steps
	name string
}

func (l lender) Initialize(*runtime.Node, oversubscription.Usage) error { return l.note(l.name) }

func (l lender) Oversubscribable() runtime.Future[resources.Resources] {
	return runtime.NewPromise[resources.Resources]().Future()
}

func (l lender) Corrections() runtime.Future[[]*slavepb.QoSCorrection] {
	return runtime.NewPromise[[]*slavepb.QoSCorrection]().Future()
}

func stepping(t *testing.T, s *steps) func(*world) {
	return func(w *world) {
		withHooks(t, s.hook())(w)
		w.config.System = s
		w.config.Resources = `[{"name":"disk","type":"SCALAR","scalar":{"value":1},"disk":{"source":{"type":"MOUNT","mount":{"root":"/"}}}}]`
		w.config.ResourceEstimator, w.config.QoSController = lender{s, "estimator"}, lender{s, "controller"}
	}
}

// An agent is initialized in Mesos's order. With the first step that fails it ends, says why, serves nothing, and has left nothing
// on its disk, so that what is wrong can be mended and the agent started again.
//
// Mesos: Slave::initialize.
func TestOrderOfInitialization(t *testing.T) {
	t.Parallel()
	order := []string{"estimator", "controller", "resources", "disks", "hooks of resources", "hooks of attributes", "recovery", "disk watch"}
	for _, c := range []struct{ fails, want string }{
		{"estimator", "Failed to initialize the resource estimator: estimator fails"},
		{"controller", "Failed to initialize the QoS Controller: controller fails"},
		{"disks", "Failed to determine agent resources: "},
	} {
		t.Run(c.fails+" fails", func(t *testing.T) {
			t.Parallel()
			s := &steps{fails: c.fails}
			w := newWorld(t, stepping(t, s))
			w.Advance(time.Hour)
			if want := order[:slices.Index(order, c.fails)+1]; !slices.Equal(s.noted, want) {
				t.Errorf("the steps were %q, want %q", s.noted, want)
			}
			if w.fatal == nil || !strings.HasPrefix(w.fatal.Error(), c.want) {
				t.Errorf("the agent ended with %v, want %s…", w.fatal, c.want)
			}
			if r := w.ask(http.MethodGet, "/slave(1)/health", nil, nil); r.Status != http.StatusNotFound {
				t.Errorf("it is healthy: %d %s", r.Status, r.Body)
			}
			if left, err := os.ReadDir(w.dir); err != nil || len(left) > 0 {
				t.Errorf("it has left %v, %v", left, err)
			}
		})
	}
	for _, fails := range []string{"resources", "hooks of resources", "hooks of attributes", "recovery", "nothing"} {
		t.Run(fails+" is no reason to end", func(t *testing.T) {
			t.Parallel()
			s := &steps{fails: fails}
			s.Disks = []string{"/"}
			w := newWorld(t, stepping(t, s))
			if want := order[:len(order)-1]; !slices.Equal(s.noted, want) {
				t.Errorf("the steps were %q, want %q", s.noted, want)
			}
			w.Advance(time.Minute)
			if !slices.Equal(s.noted, order) || w.fatal != nil || w.m.Registrations != 1 {
				t.Errorf("the steps were %q, then %v and %d registrations", s.noted, w.fatal, w.m.Registrations)
			}
		})
	}
}
