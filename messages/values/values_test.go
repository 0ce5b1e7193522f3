package values_test

import (
	"testing"

	"meseta/messages/values"
)

func TestValuesReadAndPrint(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ in, kind, out string }{
		{"1.5", "SCALAR", "1.5"},
		{" 4 ", "SCALAR", "4"},
		{"1e3", "SCALAR", "1000"},
		{"0.00049", "SCALAR", "0"},
		{"-1", "TEXT", "-1"},
		{"nan", "TEXT", "nan"},
		{"0x10", "TEXT", "0x10"},
		{"rack 1", "TEXT", "rack1"},
		{"[1-3]", "RANGES", "[1-3]"},
		{"[5-9, 1-3,4-4,20-30,25-40]", "RANGES", "[1-9, 20-40]"},
		{"[1-18446744073709551615, 7-8]", "RANGES", "[1-18446744073709551615]"},
		{"[]", "RANGES", "[]"},
		{"{b, a}", "SET", "{b, a}"},
		{"0x10p0", "TEXT", "0x10p0"},
		{"0x_1p0", "TEXT", "0x_1p0"},
		{"1_000", "TEXT", "1_000"},
		{"1e400", "TEXT", "1e400"},
		{"1e-400", "SCALAR", "0"},
		{"-0", "SCALAR", "-0"},
		{"+2.", "SCALAR", "2"},
		{"1e306", "SCALAR", "1e+306"},
		{"inf", "TEXT", "inf"},
		{"[0x10-0X1f]", "RANGES", "[16-31]"},
		{"[+1-+2]", "RANGES", "[1-2]"},
	} {
		v, err := values.Parse(test.in)
		if err != nil || v.GetType().String() != test.kind || values.Format(v) != test.out {
			t.Errorf("%q: got %v printed %q, %v", test.in, v, values.Format(v), err)
		}
	}
}

func TestWhatIsNoValueIsRefused(t *testing.T) {
	t.Parallel()
	for _, in := range []string{"", " ", "[1-2", "1]", "{a", "(", "a[1-2]", "a{b}", "[1-]", "1e-320", "-1e-320", "[0x-1]", "[1-0x1p]", "[1_0-2_0]", "[+0x1-2]", "[a-b]", "[3-1]", "[1-2-3]"} {
		if v, err := values.Parse(in); err == nil {
			t.Errorf("%q is %v", in, v)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"1.5", "[1-10,20-30]", "{a,b}", "text", "[3-1]"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		v, err := values.Parse(in)
		if err != nil {
			return
		}
		printed := values.Format(v)
		again, err := values.Parse(printed)
		if err != nil || values.Format(again) != printed {
			t.Fatalf("%q printed %q, read again %v, %v", in, printed, again, err)
		}
	})
}
