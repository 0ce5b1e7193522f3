package engine

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Container is what is known of a container.
type Container struct {
	ID    string `json:"Id"`
	Name  string // with a slash before it
	State struct {
		Running   bool
		OOMKilled bool
		Pid       int // 0 if it does not run
		StartedAt string
	}
	HostConfig struct {
		NetworkMode string
	}
	NetworkSettings struct {
		IPAddress string
		Networks  map[string]struct{ IPAddress, GlobalIPv6Address string }
	}
	// Raw is the whole of it, as the engine describes it.
	Raw []byte `json:"-"`
}

// Addresses returns the IP addresses of the container in the network that it was started with. They are empty where it
// has none, such as in the network of the host.
//
// Mesos: Docker::Container::create.
func (c *Container) Addresses() (ip, ip6 string) {
	n, found := c.NetworkSettings.Networks[c.HostConfig.NetworkMode]
	if !found {
		return c.NetworkSettings.IPAddress, ""
	}
	return n.IPAddress, n.GlobalIPv6Address
}

// Started reports whether the container has ever run.
func (c *Container) Started() bool { return c.State.StartedAt != "0001-01-01T00:00:00Z" }

// Create creates a container and returns its ID.
func (c *Client) Create(ctx context.Context, name string, r *Create) (string, error) {
	var made struct {
		ID string `json:"Id"`
	}
	err := c.call(ctx, http.MethodPost, "/containers/create", url.Values{"name": {name}}, r, &made)
	return made.ID, err
}

// Start starts a container that was created.
func (c *Client) Start(ctx context.Context, id string) error {
	return c.call(ctx, http.MethodPost, container(id, "start"), nil, nil, nil)
}

// Exit waits for the end of a container, and returns its exit status. ready is called when the engine has begun to wait, so
// that the end of a container that is started then is not missed. nil means nothing.
func (c *Client) Exit(ctx context.Context, id, condition string, ready func()) (int, error) {
	answer, err := c.open(ctx, http.MethodPost, container(id, "wait"), url.Values{"condition": {condition}}, nil, nil)
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	if ready != nil {
		ready()
	}
	content, err := c.read(ctx, answer.Body)
	if err != nil {
		return 0, err
	}
	var end struct {
		StatusCode int
		Error      *struct{ Message string }
	}
	if err := json.Unmarshal(content, &end); err != nil {
		return 0, c.broken(ctx, err)
	}
	if end.Error != nil && end.Error.Message != "" {
		return 0, errors.New(end.Error.Message)
	}
	return end.StatusCode, nil
}

// Conditions of [Client.Exit].
const (
	NotRunning = "not-running" // it does not run, or has ended
	NextExit   = "next-exit"   // it has ended after the call
	Removed    = "removed"     // it was removed after its end
)

// Inspect describes a container.
func (c *Client) Inspect(ctx context.Context, id string) (*Container, error) {
	content, err := c.raw(ctx, http.MethodGet, container(id, "json"), nil, nil)
	if err != nil {
		return nil, err
	}
	one := &Container{Raw: content}
	return one, json.Unmarshal(content, one)
}

// Stop asks a container to end, and kills it after the grace period, which is rounded down to seconds. It succeeds for one
// that has ended.
func (c *Client) Stop(ctx context.Context, id string, grace time.Duration) error {
	seconds := strconv.Itoa(int(grace / time.Second))
	err := c.call(ctx, http.MethodPost, container(id, "stop"), url.Values{"t": {seconds}}, nil, nil)
	if ended(err) {
		return nil
	}
	return err
}

// Kill kills a container. It succeeds for one that has ended.
func (c *Client) Kill(ctx context.Context, id string) error {
	err := c.call(ctx, http.MethodPost, container(id, "kill"), nil, nil, nil)
	if ended(err) {
		return nil
	}
	return err
}

// ended reports whether an error says that a container does not run.
func ended(err error) bool {
	var refused *Error
	return errors.As(err, &refused) && (refused.Status == http.StatusNotModified || refused.Status == http.StatusConflict)
}

// Remove removes a container and its anonymous volumes. One that runs is killed. It succeeds if there is no such container.
func (c *Client) Remove(ctx context.Context, id string) error {
	err := c.call(ctx, http.MethodDelete, container(id, ""), url.Values{"v": {"1"}, "force": {"1"}}, nil, nil)
	if Missing(err) {
		return nil
	}
	return err
}

// Named is the name of a container, with its ID.
type Named struct{ ID, Name string }

// List returns the containers whose names begin with prefix, including those that have ended.
func (c *Client) List(ctx context.Context, prefix string) ([]Named, error) {
	filter, err := json.Marshal(map[string][]string{"name": {prefix}})
	if err != nil {
		return nil, err
	}
	var listed []struct {
		ID    string `json:"Id"`
		Names []string
	}
	err = c.call(ctx, http.MethodGet, "/containers/json", url.Values{"all": {"1"}, "filters": {string(filter)}}, nil, &listed)
	var all []Named
	for _, one := range listed {
		for _, name := range one.Names { // other names are those of links
			if name = strings.TrimPrefix(name, "/"); strings.HasPrefix(name, prefix) && !strings.Contains(name, "/") {
				all = append(all, Named{one.ID, name})
			}
		}
	}
	return all, err
}

// Update changes the limits of a container.
func (c *Client) Update(ctx context.Context, id string, l Limits) error {
	return c.call(ctx, http.MethodPost, container(id, "update"), nil, l, nil)
}

// Usage is what a container has used.
type Usage struct {
	CPU struct {
		Usage struct {
			User   uint64 `json:"usage_in_usermode"`   // nanoseconds
			System uint64 `json:"usage_in_kernelmode"` // nanoseconds
		} `json:"cpu_usage"`
		Throttling struct {
			Periods   uint32
			Throttled uint32 `json:"throttled_periods"`
			Time      uint64 `json:"throttled_time"` // nanoseconds
		} `json:"throttling_data"`
	} `json:"cpu_stats"`
	Memory struct {
		Stats map[string]uint64 // bytes, by the names of the control groups of the system
	} `json:"memory_stats"`
}

// RSS returns the anonymous memory of a container, in bytes.
func (u *Usage) RSS() uint64 {
	if rss, first := u.Memory.Stats["rss"]; first { // control groups of version 1
		return rss
	}
	return u.Memory.Stats["anon"]
}

// Usage returns what a container has used so far.
func (c *Client) Usage(ctx context.Context, id string) (*Usage, error) {
	u := &Usage{}
	return u, c.call(ctx, http.MethodGet, container(id, "stats"), url.Values{"stream": {"0"}, "one-shot": {"1"}}, nil, u)
}

// container returns the path of a call for a container.
func container(id, call string) string {
	path := "/containers/" + url.PathEscape(id)
	if call != "" {
		path += "/" + call
	}
	return path
}
