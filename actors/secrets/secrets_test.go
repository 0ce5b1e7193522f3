package secrets_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"meseta/actors/secrets"
	"meseta/messages/pb/mesospb"
)

func value(data string) *mesospb.Secret {
	return &mesospb.Secret{Type: mesospb.Secret_VALUE.Enum(), Value: &mesospb.Secret_Value{Data: []byte(data)}}
}

func reference(name, key string) *mesospb.Secret {
	r := &mesospb.Secret_Reference{Name: &name}
	if key != "" {
		r.Key = proto.String(key)
	}
	return &mesospb.Secret{Type: mesospb.Secret_REFERENCE.Enum(), Reference: r}
}

// What is resolved, and what is said when it is not. No error contains a secret.
func TestResolvers(t *testing.T) {
	t.Parallel()
	above := t.TempDir()
	dir := filepath.Join(above, "secrets")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for path, text := range map[string]string{
		filepath.Join(dir, "plain"): "hush", filepath.Join(dir, "pairs"): `{"user": "ann", "word": "hush"}`,
		filepath.Join(above, "outside"): "hush",
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("../outside", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	files, err := secrets.NewFiles(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		resolver secrets.Resolver
		secret   *mesospb.Secret
		want     string
		fails    string
	}{
		{secrets.Values{}, value("hush"), "hush", ""},
		{secrets.Values{}, reference("plain", ""), "", "Default secret resolver cannot resolve references"},
		{secrets.Values{}, &mesospb.Secret{}, "", "neither"},
		{files, value("hush"), "hush", ""},
		{files, reference("plain", ""), "hush", ""},
		{files, reference("/plain", ""), "hush", ""},
		{files, reference("pairs", "user"), "ann", ""},
		{files, reference("pairs", "nothing"), "", `has no key "nothing"`},
		{files, reference("plain", "user"), "", "is not a JSON object of strings"},
		{files, reference("nosuch", ""), "", "no such file"},
		{files, reference("../outside", ""), "", "escapes"},
		{files, reference("link", ""), "", "escapes"},
	} {
		got, err := c.resolver.Resolve(t.Context(), c.secret)
		if string(got) != c.want || (err == nil) != (c.fails == "") || err != nil && (!strings.Contains(err.Error(), c.fails) || strings.Contains(err.Error(), "hush")) {
			t.Errorf("%v: %q, %v, want %q, %q", c.secret, got, err, c.want, c.fails)
		}
	}
}
