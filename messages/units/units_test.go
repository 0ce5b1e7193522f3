package units_test

import (
	"math"
	"testing"
	"time"

	"meseta/messages/units"
)

func TestDurationsReadAndPrint(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		in   string
		want time.Duration
		out  string
	}{
		{"0secs", 0, "0ns"},
		{"1ns", 1, "1ns"},
		{"10us", 10 * time.Microsecond, "10us"},
		{"1.5us", 1500, "1500ns"},
		{"500ms", 500 * time.Millisecond, "500ms"},
		{"1.5secs", 1500 * time.Millisecond, "1500ms"},
		{"10secs", 10 * time.Second, "10secs"},
		{"60secs", time.Minute, "1mins"},
		{"1.5mins", 90 * time.Second, "90secs"},
		{"2hrs", 2 * time.Hour, "2hrs"},
		{"3days", 3 * units.Day, "3days"},
		{"10days", 10 * units.Day, "10days"},
		{"1weeks", units.Week, "1weeks"},
		{"36hrs", 36 * time.Hour, "36hrs"},
		{".5secs", 500 * time.Millisecond, "500ms"},
		{"1.25hrs", 75 * time.Minute, "75mins"},
		{"0.1ns", 0, "0ns"},
		{"1.0001secs", 1000100 * time.Microsecond, "1.0001secs"},
	} {
		got, err := units.ParseDuration(test.in)
		if err != nil || got != test.want {
			t.Errorf("ParseDuration(%q) = %v, %v; want %v", test.in, got, err, test.want)
		}
		if out := units.FormatDuration(got); out != test.out {
			t.Errorf("FormatDuration(%v) = %s, want %s", got, out, test.out)
		}
	}
}

func TestTheShortestAndLongestDurationsPrint(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		-time.Second:  "-1secs",
		math.MaxInt64: "15250.2844524715weeks",
		math.MinInt64: "-15250.2844524715weeks",
	} {
		if got := units.FormatDuration(d); got != want {
			t.Errorf("FormatDuration(%d) = %s, want %s", d, got, want)
		}
	}
}

func TestWhatIsNoDurationIsRefused(t *testing.T) {
	t.Parallel()
	for _, in := range []string{
		"", "10", "secs", "-1secs", "1 secs", "1sec", "1s", "1.2.3secs", ".secs", "1e3secs", "16000weeks",
		"99999999999999999999weeks", "1SECS", "1secs ",
	} {
		if got, err := units.ParseDuration(in); err == nil {
			t.Errorf("ParseDuration(%q) = %v, want an error", in, got)
		}
	}
}

func TestSizesReadAndPrint(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		in   string
		want units.Bytes
		out  string
	}{
		{"0B", 0, "0B"},
		{"10B", 10, "10B"},
		{"1KB", 1024, "1KB"},
		{"1025b", 1025, "1025B"},
		{"512MB", 512 * units.Megabyte, "512MB"},
		{"5gb", 5 * units.Gigabyte, "5GB"},
		{"2048GB", 2 * units.Terabyte, "2TB"},
		{"1024TB", 1024 * units.Terabyte, "1024TB"},
	} {
		got, err := units.ParseBytes(test.in)
		if err != nil || got != test.want || got.String() != test.out {
			t.Errorf("ParseBytes(%q) = %v, %v; want %d printed as %s", test.in, got, err, test.want, test.out)
		}
	}
}

func TestWhatIsNoSizeIsRefused(t *testing.T) {
	t.Parallel()
	for _, in := range []string{"", "1", "B", "1.5GB", "-1B", "1 GB", "1PB", "99999999TB", "18446744073709551616B"} {
		if got, err := units.ParseBytes(in); err == nil {
			t.Errorf("ParseBytes(%q) = %v, want an error", in, got)
		}
	}
}

func FuzzDuration(f *testing.F) {
	for _, seed := range []string{"10secs", "1.5mins", "1weeks", "500ms", "9223372036854775807ns", "."} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		d, err := units.ParseDuration(in)
		if err != nil {
			return
		}
		if d < 0 {
			t.Fatalf("ParseDuration(%q) = %d", in, d)
		}
		printed := units.FormatDuration(d)
		again, err := units.ParseDuration(printed)
		if err != nil && d < math.MaxInt64/2 {
			t.Fatalf("%q printed as %q, which is refused: %v", in, printed, err)
		}
		if math.Abs(float64(again-d)) > float64(d)*1e-14+1 && err == nil {
			t.Fatalf("%q is %d, but printed as %q it is %d", in, d, printed, again)
		}
	})
}

func FuzzBytes(f *testing.F) {
	for _, seed := range []string{"5GB", "512MB", "1kb", "10B"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		b, err := units.ParseBytes(in)
		if err != nil {
			return
		}
		if again, err := units.ParseBytes(b.String()); err != nil || again != b {
			t.Fatalf("%q is %d, but printed as %q it is %d, %v", in, b, b.String(), again, err)
		}
	})
}
