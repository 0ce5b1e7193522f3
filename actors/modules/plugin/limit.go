package plugin

import (
	"context"
	"fmt"
	"time"
)

// Limit returns a context that ends with ctx, with cancel, or once d is over, and then because of [Overdue].
type Limit func(ctx context.Context, d time.Duration) (_ context.Context, cancel context.CancelFunc)

// Overdue is the error of what did not answer in time.
func Overdue(d time.Duration) error { return fmt.Errorf("no answer within %s", d) }

// RealTime is the [Limit] that the time of the machine sets.
func RealTime(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, d, Overdue(d))
}
