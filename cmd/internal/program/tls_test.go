package program

import (
	"crypto/tls"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"meseta/cmd/internal/flags"
	"meseta/runtime/secure"
)

// sslVariables has a value for each variable, and what it does to the options of an encrypted node without any other.
var sslVariables = map[string]struct {
	value string
	edit  func(*secure.Options)
}{
	"ENABLED":                    {"true", nil}, // itself
	"SUPPORT_DOWNGRADE":          {"true", func(o *secure.Options) { o.Downgrade = true }},
	"CERT_FILE":                  {"/cert", func(o *secure.Options) { o.Cert = "/cert" }},
	"KEY_FILE":                   {"/key", func(o *secure.Options) { o.Key = "/key" }},
	"VERIFY_CERT":                {"1", func(o *secure.Options) { o.VerifyServers = true }},
	"VERIFY_SERVER_CERT":         {"true", func(o *secure.Options) { o.VerifyServers = true }},
	"REQUIRE_CERT":               {"true", func(o *secure.Options) { o.VerifyClients = true }},
	"REQUIRE_CLIENT_CERT":        {"true", func(o *secure.Options) { o.VerifyClients = true }},
	"VERIFY_IPADD":               {"true", func(o *secure.Options) { o.VerifyIP = true }},
	"VERIFICATION_DEPTH":         {"0", func(o *secure.Options) { o.Depth = 0 }},
	"CA_DIR":                     {"/dir", func(o *secure.Options) { o.CADir = "/dir" }},
	"CA_FILE":                    {"/file", func(o *secure.Options) { o.CAFile = "/file" }},
	"CIPHERS":                    {"AES128-SHA", func(o *secure.Options) { o.Ciphers = "AES128-SHA" }},
	"ECDH_CURVES":                {"P-384:P-256", func(o *secure.Options) { o.Curves = "P-384:P-256" }},
	"HOSTNAME_VALIDATION_SCHEME": {"openssl", func(o *secure.Options) { o.Scheme = secure.OpenSSL }},
	"ENABLE_SSL_V3":              {"true", nil}, // is refused
	"ENABLE_TLS_V1_0":            {"true", func(o *secure.Options) { o.Versions = []uint16{tls.VersionTLS10, tls.VersionTLS12} }},
	"ENABLE_TLS_V1_1":            {"true", func(o *secure.Options) { o.Versions = []uint16{tls.VersionTLS11, tls.VersionTLS12} }},
	"ENABLE_TLS_V1_2":            {"false", func(o *secure.Options) { o.Versions = nil }},
	"ENABLE_TLS_V1_3":            {"true", func(o *secure.Options) { o.Versions = []uint16{tls.VersionTLS12, tls.VersionTLS13} }},
}

// parsed returns what the variables say.
func parsed(t *testing.T, variables ...string) (*TLS, error) {
	t.Helper()
	set := flags.New("mesos-executor", "run a test")
	o := Bind(set)
	_, err := set.Parse(nil, variables)
	return &o.TLS, err
}

// Every variable about TLS that Mesos has does what it says, by its name and by the older one, and nothing else.
func TestSSLVariables(t *testing.T) {
	t.Parallel()
	standard, err := parsed(t, "LIBPROCESS_SSL_ENABLED=true")
	if err != nil || !standard.enabled {
		t.Fatalf("%v, %v", standard.enabled, err)
	}
	want := secure.Options{
		Depth: 4, Ciphers: secure.DefaultCiphers, Curves: "auto", Scheme: secure.Legacy, Versions: []uint16{tls.VersionTLS12},
	}
	equal := cmpopts.IgnoreFields(secure.Options{}, "Log", "Now")
	if d := cmp.Diff(want, standard.options, equal); d != "" {
		t.Errorf("the defaults differ (-want +got):\n%s", d)
	}
	for name, v := range sslVariables {
		for _, prefix := range []string{"LIBPROCESS_SSL_", "SSL_"} {
			got, err := parsed(t, "LIBPROCESS_SSL_ENABLED=true", prefix+name+"="+v.value)
			if name == "ENABLE_SSL_V3" {
				if err == nil || !strings.Contains(err.Error(), "version 3 of SSL is broken") {
					t.Errorf("%s%s: %v", prefix, name, err)
				}
				continue
			}
			expected := want
			if v.edit != nil {
				v.edit(&expected)
			}
			if err != nil {
				t.Errorf("%s%s: %v", prefix, name, err)
			} else if d := cmp.Diff(expected, got.options, equal); d != "" || !got.enabled {
				t.Errorf("%s%s (-want +got):\n%s", prefix, name, d)
			}
		}
	}
	set := flags.New("mesos-executor", "run a test")
	Bind(set)
	count := 0
	for _, f := range set.Supported() {
		rest, ok := strings.CutPrefix(f.Name, "LIBPROCESS_SSL_")
		if !ok {
			continue
		}
		if count++; sslVariables[rest].value == "" {
			t.Errorf("the table does not have %s", f.Name)
		}
	}
	if count != len(sslVariables) {
		t.Errorf("%d variables work, and the table has %d", count, len(sslVariables))
	}
}
