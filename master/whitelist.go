package master

import (
	"context"
	"os"
	"slices"
	"strings"
	"time"

	"meseta/runtime"
)

// whitelistInterval is the time between two reads of the whitelist file.
//
// Mesos: WHITELIST_WATCH_INTERVAL.
const whitelistInterval = 5 * time.Second

// watchWhitelist restricts offers to agents on the hosts in the whitelist file, and follows changes of the file. known
// holds the hosts that the allocator was told last; nil means none yet.
//
// Mesos: WhitelistWatcher.
func (m *Master) watchWhitelist(known []string) {
	if m.config.Whitelist == "" || m.config.Whitelist == "*" {
		return
	}
	path := m.config.Whitelist
	read := runtime.Go(m, func(context.Context) ([]byte, error) { return os.ReadFile(path) })
	runtime.Await(m, read, func(text []byte, err error) {
		if err != nil {
			m.Log().Error().Err(err).Msg("read the whitelist")
		} else if hosts := readWhitelist(text); known == nil || !slices.Equal(hosts, known) {
			known = hosts
			m.cluster.Allocator.UpdateWhitelist(hosts)
		}
		m.Delay(whitelistInterval, func() { m.watchWhitelist(known) })
	})
}

// readWhitelist returns the lines of text, sorted and without duplicates. The result is never nil.
func readWhitelist(text []byte) []string {
	hosts := strings.FieldsFunc(string(text), func(r rune) bool { return r == '\n' })
	slices.Sort(hosts)
	return append([]string{}, slices.Compact(hosts)...)
}
