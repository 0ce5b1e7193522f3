// Package registrar persists what a cluster's masters must never forget: the registry of agents that were admitted,
// are unreachable or gone, the weights of roles, and who leads.
//
// The master applies operations to the [Registrar], one value per change, and acts on a change only when the future of
// its operation says that it is on stable storage. Operations that arrive while a write is under way are written
// together by the next. Where the bytes go is behind the [Storage] port: [Memory], package localfile, and later a log
// replicated between masters.
//
// A write that fails ends the registrar: every operation fails from then on, and the master that trusted it has to
// give up its leadership.
package registrar

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"meseta/actors/metrics"
	"meseta/messages/mesosjson"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/registrypb"
	"meseta/runtime"
	"meseta/runtime/web"
)

// Options tune a [Registrar]. Every field is taken as it is; [Defaults] is what Mesos does without flags.
type Options struct {
	FetchTimeout time.Duration // of reading the registry at the start: --registry_fetch_timeout
	StoreTimeout time.Duration // of each write: --registry_store_timeout
	Realm        string        // of /registry, see [web.RouteIn]
}

// Defaults returns the options of a master started without flags: a minute to read the registry, 20 seconds for a write.
func Defaults() Options { return Options{FetchTimeout: time.Minute, StoreTimeout: 20 * time.Second} }

// ErrNotRecovered is returned for operations before [Registrar.Recover] completed.
var ErrNotRecovered = errors.New("registrar: not recovered")

// Registrar owns the registry. It is an actor, spawned under a generated id "registrar(N)".
type Registrar struct {
	runtime.Actor
	storage Storage
	options Options

	recovering bool
	recovered  runtime.Promise[*registrypb.Registry] // made when recovering
	registry   *registry                             // nil until it was read
	queue      []pending                             // operations that wait for the write under way
	writing    bool
	term       Term
	broken     error // why nothing can be written any more
	stats      stats
}

type pending struct {
	operation Operation
	result    runtime.Promise[bool]
}

// New returns a registrar over storage, to be spawned by the caller, who also closes the storage.
func New(storage Storage, options Options) *Registrar {
	return &Registrar{storage: storage, options: options}
}

// Initialize implements [runtime.Initializer].
func (r *Registrar) Initialize() {
	metrics.Export(r, r.measure)
	web.RouteIn(r, r.options.Realm, "/registry", web.Help{TLDR: "What the masters remember together."}, r.serveRegistry)
}

// serveRegistry shows the registry; an empty object before it was read.
func (r *Registrar) serveRegistry(req *web.Request) runtime.Future[*web.Response] {
	registry := r.Registry()
	if registry == nil {
		registry = &registrypb.Registry{}
	}
	return runtime.Go(r, func(context.Context) (*web.Response, error) {
		return web.JSON(req, json.RawMessage(mesosjson.Marshal(registry))), nil
	})
}

// Recover reads the registry and writes into it that info leads. It is done once; later calls return the same future.
// The result must not be changed.
//
// Mesos: Registrar::recover.
func (r *Registrar) Recover(info *mesospb.MasterInfo) runtime.Future[*registrypb.Registry] {
	if r.recovering {
		return r.recovered.Future()
	}
	r.recovering, r.recovered = true, runtime.Owe[*registrypb.Registry](r)
	timeout := fmt.Errorf("fetch the registry: no answer within %s", r.options.FetchTimeout)
	begun := r.Now()
	led := runtime.Within(r, runtime.Go(r, r.lead), r.options.FetchTimeout, timeout)
	runtime.Await(r, led, func(l lead, err error) {
		r.stats.fetched(r.Now(), begun, l.records)
		if err == nil {
			r.term = l.term
			r.registry, err = loadRegistry(l.records)
		}
		if err != nil {
			r.broken = fmt.Errorf("recover the registry: %w", err)
			r.recovered.Fail(r.broken)
			return
		}
		r.announce(info)
	})
	return r.recovered.Future()
}

// lead is how a term begins.
type lead struct {
	term    Term
	records map[string][]byte
}

func (r *Registrar) lead(ctx context.Context) (l lead, err error) {
	l.term, l.records, err = r.storage.Lead(ctx)
	return l, err
}

// announce writes who leads and completes the recovery.
func (r *Registrar) announce(info *mesospb.MasterInfo) {
	runtime.Await(r, r.enqueue(recoverMaster{info}), func(_ bool, err error) {
		if err != nil {
			r.recovered.Fail(fmt.Errorf("recover the registry: %w", err))
			return
		}
		r.Log().Info().Int("agents", len(r.registry.agents)).Msg("registry recovered")
		r.recovered.Set(r.registry.proto())
	})
}

// Apply performs op and completes when it is on stable storage: true, or false if the registry refuses it, which changes
// nothing and says nothing about other operations. A failed future means that the registry cannot be written, now or
// ever, and that it is unknown what has been stored; [ErrLost] is among the reasons.
//
// Mesos: Registrar::apply.
func (r *Registrar) Apply(op Operation) runtime.Future[bool] {
	if !r.recovering {
		return runtime.Failed[bool](ErrNotRecovered)
	}
	if _, _, done := r.recovered.Future().Peek(); !done {
		return runtime.Failed[bool](ErrNotRecovered)
	}
	return r.enqueue(op)
}

// Registry returns the registry as it is now, with what is still being written; nil before it was read. It must not
// be changed.
func (r *Registrar) Registry() *registrypb.Registry {
	if r.registry == nil {
		return nil
	}
	return r.registry.proto()
}

// Apply applies op to the registrar behind ref; see [Registrar.Apply].
func Apply(ref runtime.Ref[*Registrar], op Operation) runtime.Future[bool] {
	return runtime.Ask(ref, (*Registrar).Apply, op)
}

// Recover recovers the registrar behind ref; see [Registrar.Recover].
func Recover(ref runtime.Ref[*Registrar], info *mesospb.MasterInfo) runtime.Future[*registrypb.Registry] {
	return runtime.Ask(ref, (*Registrar).Recover, info)
}

func (r *Registrar) enqueue(op Operation) runtime.Future[bool] {
	if r.broken != nil {
		return runtime.Failed[bool](r.broken)
	}
	p := pending{op, runtime.Owe[bool](r)}
	r.queue = append(r.queue, p)
	if !r.writing {
		r.write()
	}
	return p.result.Future()
}

// write performs what is queued and stores it with one commit.
func (r *Registrar) write() {
	batch := r.queue
	r.queue = nil
	accepted := make([]bool, len(batch))
	for i, p := range batch {
		err := complete(p.operation)
		if err == nil {
			err = p.operation.perform(r.registry)
		}
		accepted[i] = err == nil
		if err != nil {
			r.Log().Warn().Err(err).Str("operation", fmt.Sprintf("%T", p.operation)).Msg("registry refused an operation")
		}
	}
	changes, err := r.registry.changes()
	if err != nil {
		r.abort(batch, err)
		return
	}
	r.writing = true
	begun := r.Now()
	runtime.Await(r, r.commit(changes), func(_ struct{}, err error) {
		r.stats.stored(r.Now(), begun, changes)
		r.written(batch, accepted, err)
	})
}

func (r *Registrar) commit(changes []Change) runtime.Future[struct{}] {
	if len(changes) == 0 {
		return runtime.Ready(struct{}{})
	}
	term := r.term
	stored := runtime.Go(r, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, r.storage.Commit(ctx, term, changes)
	})
	timeout := fmt.Errorf("no answer within %s", r.options.StoreTimeout)
	return runtime.Within(r, stored, r.options.StoreTimeout, timeout)
}

func (r *Registrar) written(batch []pending, accepted []bool, err error) {
	r.writing = false
	if err != nil {
		r.abort(batch, err)
		return
	}
	for i, p := range batch {
		p.result.Set(accepted[i])
	}
	if len(r.queue) > 0 {
		r.write()
	}
}

// abort fails everything: what the storage holds is unknown from now on.
func (r *Registrar) abort(batch []pending, err error) {
	r.broken = fmt.Errorf("store the registry: %w", err)
	r.Log().Error().Err(r.broken).Msg("registrar gives up")
	for _, p := range append(batch, r.queue...) {
		p.result.Fail(r.broken)
	}
	r.queue = nil
}
