package fetcher

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

// The example of Amazon's description of how requests are signed.
func TestSign(t *testing.T) {
	t.Parallel()
	r, err := http.NewRequest(http.MethodGet, "https://examplebucket.s3.amazonaws.com/test.txt", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Range", "bytes=0-9")
	who := signer{id: "AKIAIOSFODNN7EXAMPLE", secret: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", region: "us-east-1"}
	who.sign(r, time.Date(2013, 5, 24, 0, 0, 0, 0, time.UTC))
	const want = "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, " +
		"SignedHeaders=host;range;x-amz-content-sha256;x-amz-date, " +
		"Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"
	if got := r.Header.Get("Authorization"); got != want {
		t.Errorf("signed as\n%s, want\n%s", got, want)
	}
}

// Where an object is depends on the environment.
func TestBucket(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ uri, env, want string }{
		{"s3://b/k", "", "https://b.s3.us-east-1.amazonaws.com/k"},
		{"s3a://b/d/a b+é", "AWS_REGION=eu-west-1", "https://b.s3.eu-west-1.amazonaws.com/d/a%20b%2B%C3%A9"},
		{"s3://dotted.name/k", "AWS_DEFAULT_REGION=r", "https://s3.r.amazonaws.com/dotted.name/k"},
		{"s3n://b/k", "AWS_ENDPOINT_URL=http://store:9000", "http://store:9000/b/k"},
		{"s3://b/d/k", "AWS_ENDPOINT_URL_S3=https://store/s3/", "https://store/s3/b/d/k"},
	} {
		f := &fetch{Options: Options{Environment: strings.Fields(c.env)}}
		s, err := f.bucket(c.uri)
		if err != nil {
			t.Error(err)
			continue
		}
		if got := s.(web); got.url != c.want || got.sign != nil {
			t.Errorf("%s with %s is at %s, want %s", c.uri, c.env, got.url, c.want)
		}
	}
}
