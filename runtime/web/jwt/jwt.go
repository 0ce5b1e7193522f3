// Package jwt signs and verifies JSON Web Tokens with HMAC-SHA256, and authenticates HTTP requests by them, as libprocess
// does.
//
// A token carries claims: names with values. Agents give one to each executor, by which the executor proves which one it
// is.
package jwt

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// header is that of all tokens that [Sign] returns.
const header = `{"alg":"HS256","typ":"JWT"}`

// Sign returns a token with claims, signed with secret.
//
// Mesos: JWT::create.
func Sign(claims map[string]string, secret []byte) string {
	payload, _ := json.Marshal(claims) // a map of strings can be written
	signed := encode([]byte(header)) + "." + encode(payload)
	return signed + "." + encode(sign(signed, secret))
}

// Parse returns the claims of a token that was signed with secret and is valid at now. Claims that are not strings are
// returned as JSON. Errors have the text of Mesos.
//
// Mesos: JWT::parse.
func Parse(token string, secret []byte, now time.Time) (map[string]string, error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return nil, fmt.Errorf("Expected 3 components in token, got %d", len(parts))
	}
	if err := checkHeader(parts[0]); err != nil {
		return nil, err
	}
	claims, err := payload(parts[1], now)
	if err != nil {
		return nil, err
	}
	signature, err := decode(parts[2])
	if err != nil {
		return nil, fmt.Errorf("Failed to base64url-decode token signature: %w", err)
	}
	if !hmac.Equal(sign(parts[0]+"."+parts[1], secret), signature) {
		return nil, errors.New("Token signature does not match")
	}
	return claims, nil
}

func sign(text string, secret []byte) []byte {
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(text))
	return mac.Sum(nil)
}

func encode(data []byte) string { return base64.RawURLEncoding.EncodeToString(data) }

// decode accepts padding, which the standard does not use.
func decode(text string) ([]byte, error) {
	return base64.RawURLEncoding.DecodeString(strings.TrimRight(text, "="))
}

// object decodes a part of a token.
func object(part string) (map[string]any, error) {
	text, err := decode(part)
	if err != nil {
		return nil, fmt.Errorf("Failed to base64url-decode: %w", err)
	}
	read := json.NewDecoder(bytes.NewReader(text))
	read.UseNumber()
	var fields map[string]any
	if err := read.Decode(&fields); err != nil {
		return nil, fmt.Errorf("Failed to parse into JSON: %w", err)
	}
	if fields == nil || read.More() {
		return nil, errors.New("Failed to parse into JSON: not one object")
	}
	return fields, nil
}

func checkHeader(part string) error {
	fields, err := object(part)
	if err != nil {
		return fmt.Errorf("Failed to decode token header: %w", err)
	}
	if typ, ok := fields["typ"]; ok {
		if _, ok := typ.(string); !ok {
			return errors.New("Token 'typ' is not a string")
		}
	}
	named, ok := fields["alg"]
	if !ok {
		return errors.New("Failed to locate 'alg' in token JSON header")
	}
	algorithm, ok := named.(string)
	if !ok {
		return errors.New("Token 'alg' field is not a string")
	}
	switch algorithm {
	case "HS256":
	case "none", "RS256":
		return fmt.Errorf(`Token 'alg' value "%s" does not match, expected "HS256"`, algorithm)
	default:
		return fmt.Errorf("Unsupported token algorithm: %.80s", algorithm)
	}
	if _, ok := fields["crit"]; ok {
		return errors.New("Token 'crit' field is unsupported")
	}
	return nil
}

// payload returns the claims of a token that has not expired.
func payload(part string, now time.Time) (map[string]string, error) {
	fields, err := object(part)
	if err != nil {
		return nil, fmt.Errorf("Failed to decode token payload: %w", err)
	}
	if exp, ok := fields["exp"]; ok {
		number, ok := exp.(json.Number)
		if !ok {
			return nil, errors.New("JSON payload 'exp' field is not a number")
		}
		at, err := number.Float64()
		if err != nil || at < float64(now.Unix()) {
			return nil, fmt.Errorf("Token has expired: exp(%s) < now(%d)", number, now.Unix())
		}
	}
	claims := make(map[string]string, len(fields))
	for name, value := range fields {
		if text, ok := value.(string); ok {
			claims[name] = text
			continue
		}
		text, err := json.Marshal(value)
		if err != nil {
			return nil, fmt.Errorf("Failed to decode token payload: %w", err)
		}
		claims[name] = string(text)
	}
	return claims, nil
}
