package blackbox

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// remembered is a registry that masters begin with. Nothing in the tests changes its gone and unreachable agents and its quota of red.
const remembered = `{
	"master": {"info": {"id": "m", "ip": 16777343, "port": 5050}}, "slaves": {"slaves": []},
	"gone": {"slaves": [{"id": {"value": "gone-agent"}, "timestamp": {"nanoseconds": 1700000000000000000}}]},
	"unreachable": {"slaves": [{"id": {"value": "unreachable-agent"}, "timestamp": {"nanoseconds": 4000000000000000000}, "deactivated": false}]},
	"weights": [{"info": {"role": "other", "weight": 2.5}}],
	"quota_configs": [{"role": "red", "guarantees": {"cpus": {"value": 1.0}}, "limits": {"cpus": {"value": 2.0}}}],
	"minimum_capabilities": [{"capability": "QUOTA_V2"}]
}`

// remembers gives a master that has not been started a registry.
func remembers(t *testing.T, dir string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "registry.json")
	if err := os.WriteFile(file, []byte(remembered), 0o600); err != nil {
		t.Fatal(err)
	}
	if status, out := does(t, nil, "mesos", "registry", "import", dir, file); status != 0 {
		t.Fatalf("mesos registry import: %d %s", status, out)
	}
}

// changes are what an operator does all the time: the value of each setting is the number of the last change, which never goes
// back behind what a master has confirmed.
type changes struct {
	t      *testing.T
	ctx    context.Context
	client *http.Client

	mu        sync.Mutex
	tried     map[string]int
	confirmed map[string]int
}

// settings are calls that change something, by the name of what they change, with a number as the new value.
var settings = map[string]func(n int) string{
	"weight": func(n int) string {
		return fmt.Sprintf(`{"type":"UPDATE_WEIGHTS","update_weights":{"weight_infos":[{"role":"changing","weight":%d}]}}`, n)
	},
	"quota": func(n int) string {
		return fmt.Sprintf(`{"type":"UPDATE_QUOTA","update_quota":{"force":true,"quota_configs":[{"role":"changing",`+
			`"limits":{"cpus":{"value":%d}}}]}}`, n)
	},
	"maintenance": func(n int) string {
		return fmt.Sprintf(`{"type":"UPDATE_MAINTENANCE_SCHEDULE","update_maintenance_schedule":{"schedule":{"windows":[{`+
			`"machine_ids":[{"hostname":"elsewhere"}],"unavailability":{"start":{"nanoseconds":%d}}}]}}}`, n)
	},
}

// startOperator changes settings with one master after the other. stop waits for the last answer.
func startOperator(t *testing.T, addresses string) (c *changes, stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	c = &changes{t: t, ctx: ctx, client: &http.Client{Transport: &http.Transport{}}, tried: map[string]int{}, confirmed: map[string]int{}}
	enough, over := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(over)
		c.run(strings.Split(addresses, ","), enough)
	}()
	stop = sync.OnceFunc(func() {
		close(enough)
		<-over
		c.client.CloseIdleConnections()
	})
	t.Cleanup(func() {
		cancel() // of a test that failed
		stop()
	})
	return c, stop
}

func (c *changes) run(masters []string, enough <-chan struct{}) {
	again := time.NewTicker(pause)
	defer again.Stop()
	names := slices.Sorted(maps.Keys(settings))
	for n := 1; ; n++ {
		c.change(masters[n%len(masters)], names[n%len(names)], n)
		select {
		case <-enough:
			return
		case <-again.C:
		}
	}
}

// change changes a setting. A master that ends or does not lead any more does not answer or says so; it never waits for ever.
func (c *changes) change(master, name string, n int) {
	c.mu.Lock()
	c.tried[name] = n
	c.mu.Unlock()
	req, err := http.NewRequestWithContext(c.ctx, http.MethodPost, "http://"+master+"/api/v1", strings.NewReader(settings[name](n)))
	if err != nil {
		c.t.Error(err)
		return
	}
	req.Header.Set("Content-Type", "application/json")
	answer, err := c.client.Do(req)
	if err != nil {
		return
	}
	defer answer.Body.Close()
	switch code := answer.StatusCode; {
	case code == http.StatusOK:
		c.mu.Lock()
		c.confirmed[name] = n
		c.mu.Unlock()
	case code == http.StatusInternalServerError: // it lost the lead meanwhile
	case !notLeading[code]:
		text, _ := io.ReadAll(answer.Body)
		c.t.Errorf("change %d of %s is answered %s %s", n, name, answer.Status, text)
	}
}

func (c *changes) look() (tried, confirmed map[string]int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.tried), maps.Clone(c.confirmed)
}

// goOn waits until each setting has been changed once more.
func (c *changes) goOn(t *testing.T) {
	t.Helper()
	_, before := c.look()
	gone(t, func() (wrong []string) {
		_, now := c.look()
		for name := range settings {
			if now[name] <= before[name] {
				wrong = append(wrong, fmt.Sprintf("change %d of %s is the last one", now[name], name))
			}
		}
		return wrong
	})
}

// remains is what a leading master answers of its registry.
type remains struct {
	Gone, Unreachable json.RawMessage
	Quotas            []quota `json:"quota_configs"`
	Slaves            struct{ Slaves []json.RawMessage }
	Weights           []struct {
		Info struct {
			Role   string
			Weight float64
		}
	}
	Schedules []struct {
		Windows []struct {
			Unavailability struct{ Start struct{ Nanoseconds int } }
		}
	}
}

// quota is one of a registry.
type quota struct {
	Role       string
	Guarantees map[string]struct{ Value float64 }
	Limits     map[string]struct{ Value float64 }
}

func (r *remains) settings() map[string]int {
	found := map[string]int{}
	for _, q := range r.Quotas {
		if q.Role == "changing" {
			found["quota"] = int(q.Limits["cpus"].Value)
		}
	}
	for _, w := range r.Weights {
		if w.Info.Role == "changing" {
			found["weight"] = int(w.Info.Weight)
		}
	}
	for _, s := range r.Schedules {
		for _, w := range s.Windows {
			found["maintenance"] = w.Unavailability.Start.Nanoseconds
		}
	}
	return found
}

// kept demands that the leader knows what was confirmed, and what it knew before any master failed.
func (c *changes) kept(t *testing.T, leader *process, agents int) {
	t.Helper()
	var want, got remains
	if err := json.Unmarshal([]byte(remembered), &want); err != nil {
		t.Fatal(err)
	}
	_, least := c.look()
	leader.sees("/registrar(1)/registry", &got)
	most, _ := c.look()
	for name, n := range got.settings() {
		if n < least[name] || n > most[name] {
			t.Errorf("%s is %d; %d was confirmed, %d tried", name, n, least[name], most[name])
		}
		delete(least, name)
	}
	if len(least) > 0 {
		t.Errorf("confirmed, but not in the registry: %v", least)
	}
	for name, pair := range map[string][2]json.RawMessage{
		"gone": {got.Gone, want.Gone}, "unreachable": {got.Unreachable, want.Unreachable},
	} {
		if !alike(pair[0], pair[1]) {
			t.Errorf("%s is %s, want %s", name, pair[0], pair[1])
		}
	}
	kept := slices.DeleteFunc(got.Quotas, func(q quota) bool { return q.Role == "changing" })
	if !reflect.DeepEqual(kept, want.Quotas) {
		t.Errorf("the quotas are %v, want %v", kept, want.Quotas)
	}
	if len(got.Slaves.Slaves) != agents {
		t.Errorf("the registry has %d agents, want %d", len(got.Slaves.Slaves), agents)
	}
}

// alike reports whether two texts are the same JSON.
func alike(a, b []byte) bool {
	read := func(text []byte) (v any) {
		if json.NewDecoder(bytes.NewReader(text)).Decode(&v) != nil {
			return nil
		}
		return v
	}
	return reflect.DeepEqual(read(a), read(b))
}
