package master

import (
	"cmp"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"time"

	"meseta/actors/allocator"
	"meseta/master/book"
	"meseta/master/cluster"
)

// Never is an offer timeout that does not end.
const Never = cluster.Never

// shortestInterval keeps what is repeated from following itself without a pause.
const shortestInterval = time.Millisecond

// Defaults returns the configuration of a master started without flags.
func Defaults() Config {
	return Config{
		Limits: book.DefaultLimits, Allocator: allocator.Defaults(), MaxSubscribers: 1000,
		AgentPingTimeout: 15 * time.Second, MaxAgentPingTimeouts: 5, AgentReregisterTimeout: 10 * time.Minute,
		RecoveryRemovalLimit: 1, OfferTimeout: Never,
		RegistryGCInterval: 15 * time.Minute, RegistryMaxAgentAge: 14 * 24 * time.Hour, RegistryMaxAgentCount: 102_400,
	}
}

func (c Config) complete() Config {
	c.Build.Version = cmp.Or(c.Build.Version, "1.12.0")
	c.Allocator.HideFrameworks = c.HideFrameworkMetrics
	c.RegistryGCInterval = max(c.RegistryGCInterval, shortestInterval)
	return c
}

// randomUUID returns a UUID of version 4.
func randomUUID(r *rand.Rand) string {
	var b [16]byte
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	s := hex.EncodeToString(b[:])
	return s[:8] + "-" + s[8:12] + "-" + s[12:16] + "-" + s[16:20] + "-" + s[20:]
}

func pad4(n int) string { return fmt.Sprintf("%04d", n) }
