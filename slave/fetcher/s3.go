package fetcher

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// bucket returns the source of s3://BUCKET/KEY in an S3-compatible object store. Endpoint, region and credentials are
// those in the agent's environment, in the variables of the AWS SDKs: AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL, AWS_REGION,
// AWS_DEFAULT_REGION, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN. Without a key ID, requests are
// anonymous. Tasks of all users can fetch whatever these credentials give access to.
//
// Differs: Mesos uses the Hadoop client for these URIs, and so does [fetch.source] if one is installed.
func (f *fetch) bucket(uri string) (source, error) {
	_, rest, _ := strings.Cut(uri, "://")
	name, key, _ := strings.Cut(rest, "/")
	region := cmp.Or(f.getenv("AWS_REGION"), f.getenv("AWS_DEFAULT_REGION"), "us-east-1")
	u := &url.URL{Scheme: "https", Host: name + ".s3." + region + ".amazonaws.com"}
	switch endpoint := cmp.Or(f.getenv("AWS_ENDPOINT_URL_S3"), f.getenv("AWS_ENDPOINT_URL")); {
	case endpoint != "":
		var err error
		if u, err = url.Parse(endpoint); err != nil {
			return nil, fmt.Errorf("AWS_ENDPOINT_URL: %w", err)
		}
		key = strings.TrimPrefix(strings.Trim(u.Path, "/")+"/", "/") + name + "/" + key
	case strings.Contains(name, "."): // wildcard certificates do not match such a host
		u.Host, key = "s3."+region+".amazonaws.com", name+"/"+key
	}
	u.Path = "/" + key
	u.RawPath = escaped(u.Path)
	id := f.getenv("AWS_ACCESS_KEY_ID")
	if id == "" {
		return web{f, u.String(), nil}, nil
	}
	who := signer{id: id, secret: f.getenv("AWS_SECRET_ACCESS_KEY"), token: f.getenv("AWS_SESSION_TOKEN"), region: region}
	return web{f, u.String(), func(r *http.Request) { who.sign(r, f.Clock.Now()) }}, nil
}

// escaped escapes a path for signing: everything except letters, digits and -_.~/ as %XX.
func escaped(path string) string {
	var b strings.Builder
	for _, c := range []byte(path) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.IndexByte("-_.~/", c) >= 0:
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// signer signs requests that have no body.
type signer struct{ id, secret, token, region string }

// sign adds an AWS Signature Version 4 that covers all headers of the request.
func (s signer) sign(r *http.Request, now time.Time) {
	at := now.UTC().Format("20060102T150405Z")
	nothing := hex.EncodeToString(hash(""))
	r.Header.Set("X-Amz-Date", at)
	r.Header.Set("X-Amz-Content-Sha256", nothing)
	if s.token != "" {
		r.Header.Set("X-Amz-Security-Token", s.token)
	}
	values := map[string]string{"host": r.URL.Host}
	for name := range r.Header {
		values[strings.ToLower(name)] = r.Header.Get(name)
	}
	names, headers := slices.Sorted(maps.Keys(values)), ""
	for _, name := range names {
		headers += name + ":" + values[name] + "\n"
	}
	signed := strings.Join(names, ";")
	canonical := strings.Join([]string{r.Method, r.URL.EscapedPath(), r.URL.RawQuery, headers, signed, nothing}, "\n")
	scope := strings.Join([]string{at[:8], s.region, "s3", "aws4_request"}, "/")
	key := []byte("AWS4" + s.secret)
	for step := range strings.SplitSeq(scope, "/") {
		key = mac(key, step)
	}
	text := strings.Join([]string{"AWS4-HMAC-SHA256", at, scope, hex.EncodeToString(hash(canonical))}, "\n")
	r.Header.Set("Authorization", fmt.Sprintf("AWS4-HMAC-SHA256 Credential=%s/%s, SignedHeaders=%s, Signature=%s",
		s.id, scope, signed, hex.EncodeToString(mac(key, text))))
}

func hash(s string) []byte {
	sum := sha256.Sum256([]byte(s))
	return sum[:]
}

func mac(key []byte, s string) []byte {
	m := hmac.New(sha256.New, key)
	m.Write([]byte(s))
	return m.Sum(nil)
}
