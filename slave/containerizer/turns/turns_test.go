package turns_test

import (
	"context"
	"errors"
	"testing"

	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/slavepb"
	"meseta/slave/containerizer/turns"
)

// As many have turns as may, and another one when one is passed. Who gives up waiting has none.
func TestTurns(t *testing.T) {
	t.Parallel()
	all, config := turns.New(), &slavepb.ContainerConfig{CommandInfo: &mesospb.CommandInfo{}}
	take := func(ctx context.Context) error {
		had, err := all.Take(ctx, config)
		if had != (err == nil) {
			t.Errorf("got %v, %v", had, err)
		}
		return err
	}
	for range turns.Most {
		if err := take(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	over, stop := context.WithCancel(t.Context())
	stop()
	if err := take(over); !errors.Is(err, context.Canceled) {
		t.Errorf("one too many: %v", err)
	}
	all.Pass(false)
	if err := take(over); !errors.Is(err, context.Canceled) {
		t.Errorf("one too many: %v", err)
	}
	all.Pass(true)
	if err := take(t.Context()); err != nil {
		t.Error(err)
	}
}

// However many wait for somebody else, such as a server that does not answer, they delay nobody.
func TestSlowOnesTakeNoTurn(t *testing.T) {
	t.Parallel()
	all := turns.New()
	for _, slow := range []*slavepb.ContainerConfig{
		{CommandInfo: &mesospb.CommandInfo{}, ContainerInfo: &mesospb.ContainerInfo{}},
		{CommandInfo: &mesospb.CommandInfo{Uris: []*mesospb.CommandInfo_URI{{}}}},
		{CommandInfo: &mesospb.CommandInfo{Environment: &mesospb.Environment{Variables: []*mesospb.Environment_Variable{{}, {Secret: &mesospb.Secret{}}}}}},
	} {
		for range turns.Most + 1 {
			if had, err := all.Take(t.Context(), slow); had || err != nil {
				t.Fatalf("%v has taken a turn (%v)", slow, err)
			}
		}
	}
}
