package attributes_test

import (
	"testing"

	"meseta/messages/attributes"
)

func TestAttributesReadAndPrint(t *testing.T) {
	t.Parallel()
	for in, out := range map[string]string{
		"":                                  "",
		"rack:r1;zone:z1;n:1.5;r:[1-3,4-5]": "rack:r1;zone:z1;n:1.5;r:[1-5]",
		"rack:r1\nrack:r2;;":                "rack:r1;rack:r2",
		"url:http://host:80/":               "url:http://host:80/",
	} {
		all, err := attributes.Parse(in)
		if err != nil || attributes.Format(all) != out {
			t.Errorf("%q: got %q, %v", in, attributes.Format(all), err)
		}
	}
}

func TestWhatIsNoAttributeIsRefused(t *testing.T) {
	t.Parallel()
	for _, in := range []string{"rack", "rack:", ":r1", "rack:{a,b}", "rack:[1-", "a:1;b"} {
		if all, err := attributes.Parse(in); err == nil {
			t.Errorf("%q is %v", in, all)
		}
	}
}
