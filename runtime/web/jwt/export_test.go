package jwt

// Signature returns the last part of a token.
func Signature(signed string, secret []byte) string { return encode(sign(signed, secret)) }
