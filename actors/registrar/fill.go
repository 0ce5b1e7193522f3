package registrar

import (
	"context"
	"errors"

	"meseta/messages/pb/registrypb"
)

// ErrNotEmpty is returned by [Fill] if there is a registry already.
var ErrNotEmpty = errors.New("there is a registry already")

// Fill writes p into a storage that holds no records yet.
func Fill(ctx context.Context, storage Storage, p *registrypb.Registry) error {
	term, records, err := storage.Lead(ctx)
	if err != nil {
		return err
	}
	if len(records) > 0 {
		return ErrNotEmpty
	}
	changes, err := Encode(p)
	if err != nil {
		return err
	}
	return storage.Commit(ctx, term, changes)
}
