package plugin

import (
	"context"
	"fmt"
	"time"
)

// Limit returns a context that ends with ctx, when cancel is called, or after d; then its cause is [Overdue].
type Limit func(ctx context.Context, d time.Duration) (_ context.Context, cancel context.CancelFunc)

// Overdue is the error of a call that was not answered in time.
func Overdue(d time.Duration) error { return fmt.Errorf("no answer within %s", d) }

// RealTime is the [Limit] by the machine's clock.
func RealTime(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, d, Overdue(d))
}
