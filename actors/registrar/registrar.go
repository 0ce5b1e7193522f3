// Package registrar persists the state that a cluster's masters share: the registry of admitted, unreachable and gone
// agents, the weights of roles, and the leading master.
//
// The master applies operations to the [Registrar], one value per change, and acts on a change only once the future of
// its operation reports that it is on stable storage. Operations that arrive during a write are batched into the next
// write, which traces show below the first of them. The [Storage] and [Replica] interfaces hide where the bytes go: [Memory], package localfile, or package replicated,
// whose records the masters of a group share.
//
// A failed write ends the registrar: every later operation fails, and the master that uses it has to give up its
// leadership.
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

// Options configures a [Registrar]. The zero value of a field is a value, not a request for a default; [Defaults]
// returns the values that Mesos uses without flags.
type Options struct {
	// FetchTimeout limits how long Recover reads the registry (--registry_fetch_timeout). Zero leaves no time, so
	// that reading fails unless the storage answers at once.
	FetchTimeout time.Duration
	// StoreTimeout limits how long one write takes (--registry_store_timeout), with the same meaning of zero. A write that
	// takes longer ends the registrar.
	StoreTimeout time.Duration
	// Realm is the authentication realm of /registry; see [web.RouteIn]. If it is empty, requests are not authenticated.
	Realm string
}

// Defaults returns the options of a master started without flags: one minute to read the registry and 20 seconds for
// each write.
func Defaults() Options { return Options{FetchTimeout: time.Minute, StoreTimeout: 20 * time.Second} }

// ErrNotRecovered is the error of operations that are applied before [Registrar.Recover] completes.
var ErrNotRecovered = errors.New("registrar: not recovered")

// Registrar owns the registry. It is an actor, spawned under a generated id "registrar(N)".
type Registrar struct {
	runtime.Actor
	storage any     // a Storage or a Replica
	records Replica // the same
	options Options

	following  runtime.Future[bool] // the outcome of the latest Follow; zero: there was none
	recovering bool
	recovered  runtime.Promise[*registrypb.Registry] // made by Recover
	registry   *registry                             // nil until it is read
	queue      []pending                             // operations that wait for the current write
	begin      func()                                // writes the queue; made by its first operation
	writing    bool
	term       Term
	broken     error // why nothing can be written any more; nil while writing works
	stats      stats
}

type pending struct {
	operation Operation
	result    runtime.Promise[bool]
}

// New returns a registrar that keeps the registry in storage. The caller spawns it, and closes the storage after the
// registrar has ended.
func New(storage Storage, options Options) *Registrar {
	r := &Registrar{storage: storage, options: options}
	r.records = blocking{storage, r}
	return r
}

// NewReplicated is New for a registry that a group of masters shares.
func NewReplicated(replica Replica, options Options) *Registrar {
	return &Registrar{storage: replica, records: replica, options: options}
}

// Initialize implements [runtime.Initializer].
func (r *Registrar) Initialize() {
	metrics.Export(r, r.measure)
	web.RouteIn(r, r.options.Realm, "/registry", web.Help{TLDR: "The registry: the state that the masters share."}, r.serveRegistry)
}

// serveRegistry returns the registry, or an empty object if it has not been read yet.
func (r *Registrar) serveRegistry(req *web.Request) runtime.Future[*web.Response] {
	registry := r.Registry()
	if registry == nil {
		registry = &registrypb.Registry{}
	}
	return runtime.Go(r, func(context.Context) (*web.Response, error) {
		return web.JSON(req, json.RawMessage(mesosjson.Sorted(mesosjson.Marshal(registry)))), nil
	})
}

// Recover reads the registry and writes info into it as the leading master. It does so once; later calls return the
// same future. The result must not be changed.
//
// Mesos: Registrar::recover.
func (r *Registrar) Recover(info *mesospb.MasterInfo) runtime.Future[*registrypb.Registry] {
	if r.recovering {
		return r.recovered.Future()
	}
	r.recovering, r.recovered = true, runtime.Owe[*registrypb.Registry](r)
	timeout := fmt.Errorf("fetch the registry: no answer within %s", r.options.FetchTimeout)
	begun := r.Now()
	led := runtime.Within(r, r.lead(), r.options.FetchTimeout, timeout)
	runtime.Await(r, led, func(l Led, err error) {
		r.stats.fetched(r.Now(), begun, l.Records)
		if err == nil {
			r.term = l.Term
			r.registry, err = loadRegistry(l.Records)
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

// announce writes info as the leading master and completes the recovery.
func (r *Registrar) announce(info *mesospb.MasterInfo) {
	runtime.Await(r, r.enqueue(recoverMaster{info}), func(_ bool, err error) {
		if err != nil {
			r.recovered.Fail(fmt.Errorf("recover the registry: %w", err))
			return
		}
		r.Log().Info().Int("agents", len(r.registry.agents.entries)).Msg("registry recovered")
		r.recovered.Set(r.registry.proto())
	})
}

// Apply performs op. The future completes once the result is on stable storage: with true, or with false if the
// registry refuses the operation, which changes nothing and does not affect other operations. The future fails if the
// registry cannot be written, now or ever; it is then unknown what has been stored. [ErrLost] is one of the possible
// reasons.
//
// Mesos: Registrar::apply.
func (r *Registrar) Apply(op Operation) runtime.Future[bool] {
	if !r.recovering {
		return runtime.Failed[bool](ErrNotRecovered)
	}
	if _, done, _ := r.recovered.Future().Peek(); !done {
		return runtime.Failed[bool](ErrNotRecovered)
	}
	return r.enqueue(op)
}

// Registry returns the current registry, including changes that are still being written, or nil if it has not been
// read yet. The result must not be changed.
func (r *Registrar) Registry() *registrypb.Registry {
	if r.registry == nil {
		return nil
	}
	return r.registry.proto()
}

// Apply calls [Registrar.Apply] on a turn of the registrar that ref refers to.
func Apply(ref runtime.Ref[*Registrar], op Operation) runtime.Future[bool] {
	return runtime.Ask(ref, (*Registrar).Apply, op)
}

// Recover calls [Registrar.Recover] on a turn of the registrar that ref refers to.
func Recover(ref runtime.Ref[*Registrar], info *mesospb.MasterInfo) runtime.Future[*registrypb.Registry] {
	return runtime.Ask(ref, (*Registrar).Recover, info)
}

func (r *Registrar) enqueue(op Operation) runtime.Future[bool] {
	if r.broken != nil {
		return runtime.Failed[bool](r.broken)
	}
	p := pending{op, runtime.Owe[bool](r)}
	if r.queue = append(r.queue, p); len(r.queue) == 1 {
		r.begin = runtime.BegunHere(r, r.write)
	}
	if !r.writing {
		r.begin()
	}
	return runtime.CausedHere(r, p.result.Future())
}

// write performs the queued operations and stores them with one commit.
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
	timeout := fmt.Errorf("no answer within %s", r.options.StoreTimeout)
	return runtime.Within(r, r.records.Commit(r.term, changes), r.options.StoreTimeout, timeout)
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
		r.begin()
	}
}

// abort fails all queued and future operations, since it is no longer known what the storage holds.
func (r *Registrar) abort(batch []pending, err error) {
	r.broken = fmt.Errorf("store the registry: %w", err)
	r.Log().Error().Err(r.broken).Msg("registrar cannot write and stops")
	for _, p := range append(batch, r.queue...) {
		p.result.Fail(r.broken)
	}
	r.queue = nil
}
