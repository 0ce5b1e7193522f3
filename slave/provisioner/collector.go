package provisioner

import (
	"context"
	"time"

	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
)

// Collector prunes images whenever their disk is too full. It is an actor.
//
// Mesos: Slave::checkImageDiskUsage.
type Collector struct {
	runtime.Actor
	Provisioner *Provisioner
	Config      *internalpb.ImageGcConfig // nil means that no image is pruned
	Prune       func(excluded []*mesospb.Image) runtime.Future[struct{}]
}

// shortestWatch is the least interval between two looks at the disk.
const shortestWatch = time.Second

// Initialize begins to watch the disk. It lends the provisioner, which is no actor, its log.
func (c *Collector) Initialize() {
	c.Provisioner.UseLog(*c.Log())
	if c.Config != nil {
		c.later()
	}
}

func (c *Collector) later() {
	c.Delay(max(time.Duration(c.Config.GetImageDiskWatchInterval().GetNanoseconds()), shortestWatch), c.look)
}

// look prunes images if their disk is too full, and looks again later.
func (c *Collector) look() {
	full := runtime.Go(c, func(context.Context) (float64, error) { return c.Provisioner.Full() })
	pruned := runtime.Chain(c, full, func(used float64, err error) runtime.Future[struct{}] {
		if err != nil {
			return runtime.Failed[struct{}](err)
		}
		if used <= 1-c.Config.GetImageDiskHeadroom() {
			return runtime.Ready(struct{}{})
		}
		c.Log().Info().Float64("used", used).Msg("pruning images")
		return c.Prune(c.Config.GetExcludedImages())
	})
	runtime.Await(c, pruned, func(_ struct{}, err error) {
		if err != nil {
			c.Log().Error().Err(err).Msg("images not pruned")
		}
		c.later()
	})
}
