package api

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"meseta/runtime/web"
	"meseta/slave/book"
)

// claims returns an error if a client is authenticated as somebody else than e. An executor may act only for itself.
//
// Mesos: verifyExecutorClaims.
func claims(p *web.Principal, e *book.Executor) error {
	if p == nil {
		return nil
	}
	has := func(claim, value string) bool {
		claimed, ok := p.Claims[claim]
		return ok && claimed == value
	}
	switch {
	case !has("fid", string(e.Framework)):
		return fmt.Errorf("Authenticated principal '%s' does not contain an 'fid' claim with the framework ID %s, which is set in the call", describe(p), e.Framework)
	case !has("eid", string(e.ID)):
		return fmt.Errorf("Authenticated principal '%s' does not contain an 'eid' claim with the executor ID %s, which is set in the call", describe(p), e.ID)
	case !has("cid", string(e.Container)):
		return fmt.Errorf("Authenticated principal '%s' does not contain a 'cid' claim with the correct active ContainerID", describe(p))
	}
	return nil
}

// describe prints a principal as Mesos does.
func describe(p *web.Principal) string {
	if len(p.Claims) == 0 {
		return p.Name
	}
	var parts []string
	if p.Name != "" {
		parts = append(parts, "value: "+p.Name)
	}
	var said []string
	for _, name := range slices.Sorted(maps.Keys(p.Claims)) {
		said = append(said, name+": "+p.Claims[name])
	}
	parts = append(parts, "claims: { "+strings.Join(said, ", ")+" }")
	return "{" + strings.Join(parts, ", ") + "}"
}
