package docker

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"meseta/messages/pb/agentstatepb"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
)

// pull is an image that is being pulled.
type pull struct {
	future runtime.Future[*agentstatepb.Image]
	users  int // containers that want it
}

// join returns the image when it was pulled. The pull ends when nobody wants it any more.
//
// Mesos: StoreProcess::_get.
func (s *Store) join(r Reference, q request) runtime.Future[*agentstatepb.Image] {
	key := fmt.Sprintf("%s %d", r, q.whiteouts)
	p := s.pulls[key]
	if p == nil {
		p = &pull{future: s.begin(r, q)}
		s.pulls[key] = p
		runtime.Await(s, p.future, func(*agentstatepb.Image, error) { s.over(key, p) })
	}
	p.users++
	waits := runtime.Owe[*agentstatepb.Image](s)
	self := runtime.RefOf(s)
	waits.OnDiscard(func() { runtime.Tell(self, func(s *Store) { s.abandon(key, p) }) })
	p.future.OnAny(func(i *agentstatepb.Image, err error) {
		if err != nil {
			waits.Fail(err)
			return
		}
		waits.Set(i)
	})
	return waits.Future()
}

// abandon ends a pull that nobody wants any more. Another one of the same image may begin at once.
func (s *Store) abandon(key string, p *pull) {
	if p.users--; p.users == 0 {
		p.future.Discard()
		s.over(key, p)
	}
}

func (s *Store) over(key string, p *pull) {
	if s.pulls[key] == p {
		delete(s.pulls, key)
	}
}

// begin pulls an image, and enters it into the store.
func (s *Store) begin(r Reference, q request) runtime.Future[*agentstatepb.Image] {
	s.Log().Info().Stringer("image", r).Msg("pulling image")
	began := s.Now()
	pulled := runtime.Go(s, func(ctx context.Context) (*agentstatepb.Image, error) { return s.pull(ctx, r, q) })
	return runtime.Chain(s, pulled, func(i *agentstatepb.Image, err error) runtime.Future[*agentstatepb.Image] {
		if err != nil {
			s.Log().Warn().Err(err).Stringer("image", r).Msg("image not pulled")
			return runtime.Failed[*agentstatepb.Image](err)
		}
		s.pulled.Observe(s.Now(), s.Now().Sub(began))
		s.Log().Info().Stringer("image", r).Int("layers", len(i.GetLayerIds())).Dur("took", s.Now().Sub(began)).Msg("image pulled")
		s.images[r.String()] = i
		return runtime.Continue(s, s.persist(), func(_ struct{}, err error) (*agentstatepb.Image, error) { return i, err })
	})
}

// pull pulls an image into the store. Nothing is left of one that does not arrive whole.
func (s *Store) pull(ctx context.Context, r Reference, q request) (image *agentstatepb.Image, err error) {
	own, err := s.passwords(ctx, q.image)
	if err != nil {
		return nil, err
	}
	to, err := s.layout.stage(q.whiteouts, s.log)
	if err != nil {
		return nil, err
	}
	defer func() {
		if left := to.remove(); left != nil {
			s.log.Warn().Err(left).Msg("staging directory not removed")
		}
	}()
	if image, err = s.puller.pull(ctx, r, own, to); err != nil {
		return nil, err
	}
	return image, to.publish(image)
}

// passwords returns those that an image has of its own, or nil.
func (s *Store) passwords(ctx context.Context, image *mesospb.Image) (Config, error) {
	secret := image.GetDocker().GetConfig()
	if secret == nil {
		return nil, nil
	}
	content, err := s.secrets.Resolve(ctx, secret)
	if err != nil {
		return nil, fmt.Errorf("Failed to resolve the secret of docker image '%s': %w", image.GetDocker().GetName(), err)
	}
	c, err := ParseConfig(content)
	if err != nil {
		return nil, fmt.Errorf("Failed to parse the docker config of docker image '%s': %w", image.GetDocker().GetName(), err)
	}
	return c, nil
}

// persist writes down which images there are.
//
// Mesos: MetadataManagerProcess::persist.
func (s *Store) persist() runtime.Future[struct{}] {
	all := &agentstatepb.Images{}
	for _, name := range slices.Sorted(maps.Keys(s.images)) {
		all.Images = append(all.Images, s.images[name])
	}
	return runtime.Enqueue(s.written, func() runtime.Future[struct{}] {
		return runtime.Go(s, func(context.Context) (struct{}, error) {
			if err := s.write(all); err != nil {
				return struct{}{}, fmt.Errorf("Failed to save state of Docker images: %w", err)
			}
			return struct{}{}, nil
		})
	})
}
