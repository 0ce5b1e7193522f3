package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"meseta/actors/consensus"
	"meseta/actors/credentials"
	"meseta/actors/registrar"
	"meseta/actors/registrar/follow"
	"meseta/cmd/internal/flags"
	"meseta/cmd/internal/program/daemon"
	"meseta/messages/mesosjson"
	"meseta/messages/pb/registrypb"
	"meseta/runtime"
	"meseta/runtime/secure"
	"meseta/runtime/web"
)

const (
	// followInterval is how often a master that stands by reads the registry of a leader with which it does not share one.
	followInterval = time.Second
	// readTimeout bounds one reading.
	readTimeout = 30 * time.Second
	// maxRegistry bounds what is read, in bytes. 100,000 agents take some 100 MB.
	maxRegistry = 1 << 30
)

// following says how a master that stands by reads the registry of a leader with which it does not share one.
type following struct{ credential credentials.File }

func (f *following) bind(set *flags.Set) {
	set.Bind("leader_credential", flags.Into(&f.credential, credentials.ReadOne))
}

// start has a master that stands by in ZooKeeper follow the registry of a leader that does not belong to its group.
func (f *following) start(d *daemon.Daemon, place place, r runtime.Ref[*registrar.Registrar], encryption *secure.Transport) error {
	reader := newRegistryReader(f.credential.Secrets(), encryption)
	_, err := runtime.Spawn(d.Node, "registry-follower", follow.New(follow.Options{
		Detector: place.detector, Registrar: r, Read: reader.read, Group: place.group, Interval: followInterval,
	}))
	return err
}

// sharing is the group of a member, as a follower sees it.
type sharing struct {
	member runtime.Ref[*consensus.Member]
}

func (s sharing) Leading(previous bool) runtime.Future[bool] {
	return consensus.Leading(s.member, previous)
}

func (s sharing) Shares(addr string) runtime.Future[bool] {
	return runtime.Call(s.member, (*consensus.Member).Has, addr)
}

// registryReader reads registries over HTTP.
type registryReader struct {
	client  *http.Client
	scheme  string
	secrets map[string]string // of one principal, or none
}

// newRegistryReader returns a reader that authenticates as the principal of secrets, if there is one. It follows no redirect.
func newRegistryReader(secrets map[string]string, encryption *secure.Transport) registryReader {
	r := registryReader{client: web.NewClient(nil), scheme: "http", secrets: secrets}
	if encryption != nil {
		r.client, r.scheme = web.NewClient(encryption.HTTP()), "https"
	}
	r.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return r
}

// read reads what the master at an address shows of its registry. A master that does not lead shows an empty one.
func (r registryReader) read(ctx context.Context, addr string) (*registrypb.Registry, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.scheme+"://"+addr+"/registrar(1)/registry", nil)
	if err != nil {
		return nil, err
	}
	for principal, secret := range r.secrets {
		req.SetBasicAuth(principal, secret)
	}
	answer, err := r.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	switch answer.StatusCode {
	case http.StatusOK:
	case http.StatusUnauthorized:
		return nil, errors.New("401 Unauthorized: --leader_credential says who may read it")
	default:
		return nil, errors.New(answer.Status)
	}
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxRegistry))
	if err != nil {
		return nil, err
	}
	registry := &registrypb.Registry{}
	if err := mesosjson.Unmarshal(body, registry); err != nil {
		return nil, fmt.Errorf("the JSON of the registry: %w", err)
	}
	if registry.Master == nil {
		return nil, nil
	}
	return registry, nil
}
