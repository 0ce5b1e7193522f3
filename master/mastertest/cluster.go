// Package mastertest runs a master with scripted agents and schedulers on virtual time.
//
// A [Cluster] is a master with a registry in memory. Its [Peer]s are agents and schedulers that send what the test
// tells them to. On their own they answer pings, but acknowledge nothing. Every message to them is recorded as one line
// with its time, and [Cluster.Golden] compares the lines with a file.
package mastertest

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"google.golang.org/protobuf/proto"

	"meseta/actors/authorizer"
	"meseta/actors/election"
	"meseta/actors/metrics"
	"meseta/actors/registrar"
	"meseta/master"
	"meseta/master/api"
	"meseta/master/peers"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
	"meseta/runtime/runtimetest"
	"meseta/runtime/sim"
	"meseta/runtime/web"
)

// Address is the default address of the master.
const Address = "10.0.0.1:5050"

// ID is the default ID of the master, with which all IDs that it assigns begin.
const ID = "e2696a8f-1867-4dd3-92c6-46724f85aa5f"

// Cluster is a master with its peers in a simulated world.
type Cluster struct {
	*testing.T
	World    *sim.World
	Registry *registrar.Memory
	Master   runtime.Ref[*master.Master]
	Leader   *election.Standalone // detector that names the master itself as the leader
	GaveUp   error                // why the master gave up; a test that expects it resets it to nil

	config  Config
	node    *runtime.Node
	clients []*Client
	begun   []begun
	heard   strings.Builder
	quiet   map[string]bool
}

// begun is a request that must be answered before the test ends.
type begun struct {
	what   string
	answer runtime.Future[*web.Response]
}

// Config configures a cluster. The zero value is a usual cluster.
type Config struct {
	Configure  func(*master.Config)  // changes the master's configuration from Mesos's defaults; an empty ID becomes [ID]
	Registry   *registrar.Memory     // what an earlier master left; nil is an empty one
	Authorizer authorizer.Authorizer // of the master; nil allows everything
	// Authenticator makes the authenticator of the master's node; nil makes none.
	Authenticator func(*runtime.Node) peers.Authenticator
	Seed          uint64 // 0 means 1
	Pings         bool   // record pings
	Metrics       bool   // serve metrics
	Address       string // of the master; empty means [Address]
}

// New starts a master and elects it.
func New(t *testing.T, config Config) *Cluster {
	t.Helper()
	if config.Seed == 0 {
		config.Seed = 1
	}
	if config.Address == "" {
		config.Address = Address
	}
	if config.Registry == nil {
		config.Registry = &registrar.Memory{}
	}
	c := &Cluster{T: t, World: sim.New(config.Seed), Registry: config.Registry, config: config}
	c.quiet = map[string]bool{"PingSlaveMessage": !config.Pings}
	c.Elect(ID)
	t.Cleanup(c.check)
	return c
}

// Elect starts a master with that ID: the first one, or the next one after [Cluster.Fail].
func (c *Cluster) Elect(id string) {
	c.Helper()
	node := c.World.NodeWith(c.config.Address, func(o *runtime.Options) {
		o.Log = c.log()
		end := o.Fatal
		o.Fatal = func(p runtime.Panic) {
			c.Error(p)
			end(p)
		}
	})
	web.SetDelegate(node, "master")
	c.node = node
	if c.config.Metrics {
		if _, err := metrics.Spawn(node, metrics.Options{}); err != nil {
			c.Fatal(err)
		}
	}
	options := registrar.Defaults()
	options.Realm = master.ReadonlyRealm
	registry, err := runtime.Spawn(node, node.NewID("registrar"), registrar.New(c.Registry, options))
	if err != nil {
		c.Fatal(err)
	}
	config := master.Defaults()
	if c.config.Configure != nil {
		c.config.Configure(&config)
	}
	if config.ID == "" || id != ID {
		config.ID = id
	}
	var authenticator peers.Authenticator
	if c.config.Authenticator != nil {
		authenticator = c.config.Authenticator(node)
	}
	c.Leader = &election.Standalone{}
	c.Master, err = runtime.Spawn(node, "master", master.New(config, master.Partners{
		Serve:     api.Serve,
		Registrar: registry, Contender: election.StandaloneContender{Elected: c.Leader.Appoint}, Detector: c.Leader,
		Authorizer: c.config.Authorizer, Authenticator: authenticator, GiveUp: func(reason error) { c.GaveUp = reason },
	}))
	if err != nil {
		c.Fatal(err)
	}
	c.World.Settle()
}

// Fail ends the master abruptly.
func (c *Cluster) Fail() {
	c.World.Crash(c.config.Address)
	c.note("master failed")
	c.begun = nil
	for _, client := range c.clients {
		client.Closed = true
	}
}

// log returns the master's log, which is silent unless the test is verbose.
func (c *Cluster) log() zerolog.Logger {
	if os.Getenv("MESETA_TEST_LOG") == "" {
		return zerolog.Nop()
	}
	return zerolog.New(zerolog.NewTestWriter(c.T))
}

// check runs at the end of every test. The book must be consistent, the master must not have given up, and every
// request must have been answered.
func (c *Cluster) check() {
	if c.GaveUp != nil {
		c.Errorf("the master gave up: %v", c.GaveUp)
	}
	c.World.Settle()
	for _, b := range c.begun {
		if _, done, _ := b.answer.Peek(); !done {
			c.Errorf("%s was not answered", b.what)
		}
	}
	checked := false
	c.Do(func(m *master.Master) {
		checked = true
		if err := m.Book().Check(); err != nil {
			c.Errorf("the book is not in order: %v", err)
		}
		if err := m.Roles().Check(); err != nil {
			c.Errorf("the roles are not in order: %v", err)
		}
	})
	if !checked {
		c.Error("the master is dead")
	}
	runtimetest.End(c.T, c.World)
}

// Do runs f on the master's turn, and waits for it.
func (c *Cluster) Do(f func(*master.Master)) {
	runtime.Tell(c.Master, f)
	c.World.Settle()
}

// Advance lets time pass. Clients read their streams ten times a second.
func (c *Cluster) Advance(d time.Duration) {
	c.Helper()
	const look = 100 * time.Millisecond
	for len(c.clients) > 0 && d > look {
		c.advance(look)
		d -= look
	}
	c.advance(d)
}

func (c *Cluster) advance(d time.Duration) {
	c.Helper()
	c.World.Advance(d)
	for _, client := range c.clients {
		client.read()
	}
}

// note adds a line that is not a message to the conversation.
func (c *Cluster) note(what string) { c.line("-- " + what) }

func (c *Cluster) line(what string) {
	fmt.Fprintf(&c.heard, "%9.3f  %s\n", c.World.Now().Sub(epoch).Seconds(), what)
}

var epoch = sim.New(1).Now()

// Note adds a line that says what happens next to the conversation.
func (c *Cluster) Note(format string, args ...any) { c.note(fmt.Sprintf(format, args...)) }

// Conversation returns the conversation so far.
func (c *Cluster) Conversation() string { return strings.ReplaceAll(c.heard.String(), ID, "M") }

// Golden compares the conversation with testdata/<name>.txt.
func (c *Cluster) Golden(name string) {
	c.Helper()
	runtimetest.Golden(c, name, c.Conversation())
}

// Resource returns a scalar resource.
func Resource(name string, amount float64) *mesospb.Resource {
	return &mesospb.Resource{
		Name: proto.String(name), Type: mesospb.Value_SCALAR.Enum(), Scalar: &mesospb.Value_Scalar{Value: proto.Float64(amount)},
	}
}

// Get sends a GET request to the master's node.
func (c *Cluster) Get(path string) *web.Response {
	c.Helper()
	return c.Request(http.MethodGet, path, http.Header{}, nil)
}
