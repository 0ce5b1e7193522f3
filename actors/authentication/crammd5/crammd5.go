// Package crammd5 implements the authentication of Mesos's agents and scheduler drivers: the SASL mechanism CRAM-MD5, in
// libprocess messages.
//
//	peer                                       master
//	 │── AuthenticateMessage ───────────────────►│  names the peer that is to be authenticated
//	 │                                    session (an actor)
//	 │◄── AuthenticationMechanismsMessage ───────│  CRAM-MD5
//	 │── AuthenticationStartMessage ────────────►│
//	 │◄── AuthenticationStepMessage ─────────────│  a challenge
//	 │── AuthenticationStepMessage ─────────────►│  the principal, and the HMAC-MD5 of the challenge by its secret
//	 │◄── AuthenticationCompletedMessage ────────│  or AuthenticationFailedMessage
//
// An AuthenticationErrorMessage of the master ends the conversation at any point. [Authenticate] is the peer's side and
// an [Authenticator] the master's. Each conversation is an actor that terminates with it; neither has a time limit of its
// own, and both end when the future is discarded.
//
// The secret is never sent. An eavesdropper can try to guess it, and nothing binds the principal to later messages from
// the same address, so a network that is not trusted needs TLS as well.
package crammd5

import (
	"crypto/hmac"
	"crypto/md5" //nolint:gosec // the mechanism prescribes it
	"encoding/hex"
	"errors"
)

// mechanism is the name of the only mechanism.
const mechanism = "CRAM-MD5"

var (
	// ErrRefused means that the principal is unknown or its secret is wrong.
	ErrRefused = errors.New("Invalid credentials")
	// ErrDiscarded means that the future was discarded before the conversation ended.
	ErrDiscarded = errors.New("Authentication discarded")
)

// stage is how far a conversation has come.
type stage int

const (
	starting stage = iota
	stepping
	over
)

// digest returns the response to a challenge, in hexadecimal.
func digest(secret, challenge string) string {
	mac := hmac.New(md5.New, []byte(secret))
	mac.Write([]byte(challenge))
	return hex.EncodeToString(mac.Sum(nil))
}
