package master

import (
	"cmp"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"time"
)

func (c Config) withDefaults() Config {
	c.Build.Version = cmp.Or(c.Build.Version, "1.12.0")
	c.Allocator.HideFrameworks = c.HideFrameworkMetrics
	c.AgentPingTimeout = cmp.Or(c.AgentPingTimeout, 15*time.Second)
	c.MaxAgentPingTimeouts = cmp.Or(c.MaxAgentPingTimeouts, 5)
	c.AgentReregisterTimeout = cmp.Or(c.AgentReregisterTimeout, 10*time.Minute)
	c.RecoveryRemovalLimit = cmp.Or(c.RecoveryRemovalLimit, 1)
	c.RegistryGCInterval = cmp.Or(c.RegistryGCInterval, 15*time.Minute)
	c.RegistryMaxAgentAge = cmp.Or(c.RegistryMaxAgentAge, 14*24*time.Hour)
	c.RegistryMaxAgentCount = cmp.Or(c.RegistryMaxAgentCount, 102_400)
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
