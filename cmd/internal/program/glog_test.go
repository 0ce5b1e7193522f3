package program

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
)

// pattern is how collectors of logs recognize glog.
var pattern = regexp.MustCompile(`(?s)^[IWEF]\d{4} \d\d:\d\d:\d\d\.\d{6} +\d+ [^:\]]+:\d+\] (.*)\n$`)

func TestEventsAreLinesOfGlog(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		log    func(zerolog.Logger)
		letter string
		want   string
	}{
		{func(l zerolog.Logger) { l.Info().Msg("elected") }, "I", "elected actor=slave(1)"},
		{func(l zerolog.Logger) { l.Debug().Int("tasks", 3).Bool("again", true).Msg("launched") }, "I", "launched actor=slave(1) tasks=3 again=true"},
		{func(l zerolog.Logger) { l.Warn().Err(errors.New("no such file")).Msg("not read") }, "W", `not read actor=slave(1) error="no such file"`},
		{func(l zerolog.Logger) { l.Error().Str("empty", "").Str("quoted", `a"b`).Msg("odd") }, "E", `odd actor=slave(1) empty="" quoted="a\"b"`},
		{func(l zerolog.Logger) { l.Info().Str("assigned", "a=b").Msg("") }, "I", ` actor=slave(1) assigned="a=b"`},
		{func(l zerolog.Logger) { l.Info().Strs("roles", []string{"a, b]", "c"}).Msg("sorted") }, "I", `sorted actor=slave(1) roles=["a, b]","c"]`},
		{func(l zerolog.Logger) {
			l.Info().Dict("of", zerolog.Dict().Int("cpus", 1).Str("}", "{")).RawJSON("raw", []byte(`[{"a":[]},2]`)).Float64("x", 0.5).Msg("nested")
		}, "I", `nested actor=slave(1) of={"cpus":1,"}":"{"} raw=[{"a":[]},2] x=0.5`},
		{func(l zerolog.Logger) { l.Info().Msg("two\nlines \"quoted\" → \\") }, "I", "two\nlines \"quoted\" → \\ actor=slave(1)"},
		{func(l zerolog.Logger) { l.Info().Str("message", "theirs").Msg("ours") }, "I", "ours actor=slave(1) message=theirs"},
		{func(l zerolog.Logger) { l.Info().Str("message", "theirs").Send() }, "I", "theirs actor=slave(1)"},
	} {
		var out bytes.Buffer
		c.log(zerolog.New(glog{zerolog.LevelWriterAdapter{Writer: &out}}).With().Timestamp().Str("actor", "slave(1)").Logger().Hook(position{}))
		got := pattern.FindStringSubmatch(out.String())
		if got == nil || got[1] != c.want || !strings.HasPrefix(out.String(), c.letter) {
			t.Errorf("%q, want %s… %q", out.String(), c.letter, c.want)
		}
	}
}

func TestALineOfGlogSaysWhenAndWhere(t *testing.T) {
	t.Parallel()
	for at, want := range map[string]string{
		"2026-11-21T05:02:04.217318999+02:00": "1121 05:02:04.217318", "2026-11-21T05:02:04.2Z": "1121 05:02:04.200000",
		"2026-11-21T05:02:04Z": "1121 05:02:04.000000", "2026-11-21T05:02:04-05:00": "1121 05:02:04.000000",
	} {
		var l line
		l.write(zerolog.InfoLevel, []byte(`{"level":"info","time":"`+at+`","caller":"accept.go:198","message":"task launched"}`+"\n"))
		if want := fmt.Sprintf("I%s %5d accept.go:198] task launched\n", want, os.Getpid()); string(l.whole) != want {
			t.Errorf("%q, want %q", l.whole, want)
		}
	}
}

// However an event ends, its position is the line of the call, twice the same where it is logged twice.
func TestPositionIsTheLineThatLogs(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	l := zerolog.New(&out).Hook(position{}).With().Str("actor", "a").Logger()
	var want []string
	for range 2 {
		_, _, line, _ := runtime.Caller(0)
		l.Info().Msg("one")
		l.Warn().Msgf("%s", "two")
		l.Error().Send()
		for i := range 3 {
			want = append(want, fmt.Sprintf(`"caller":"glog_test.go:%d"`, line+1+i))
		}
	}
	for i, said := range strings.Split(strings.TrimSpace(out.String()), "\n") {
		if !strings.Contains(said, want[i]) {
			t.Errorf("%s: want %s", said, want[i])
		}
	}
}

// What is no object as zerolog writes it must not end the program that logs it.
func FuzzGlog(f *testing.F) {
	for _, seed := range []string{`{"a":1}`, `{"a":"b","message":"m"}`, `{"message":`, `{"`, `{"a":{"b":[1,"]"]}}`, `{"a"`, ``, `{"message":"`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, event []byte) {
		var l line
		if l.write(zerolog.InfoLevel, event); l.whole[len(l.whole)-1] != '\n' {
			t.Errorf("%q does not end", l.whole)
		}
	})
}

func BenchmarkLog(b *testing.B) {
	zerolog.TimeFieldFormat = time.RFC3339Nano
	log := func(b *testing.B, l zerolog.Logger) {
		b.ReportAllocs()
		for b.Loop() {
			l.Info().Str("task_id", "t1").Str("framework_id", "30d47285-4ab6-4f59-866c-356cea7535c4-0000").
				Str("agent_id", "30d47285-4ab6-4f59-866c-356cea7535c4-S0").Msg("task launched")
		}
	}
	b.Run("json", func(b *testing.B) { log(b, zerolog.New(io.Discard).With().Timestamp().Logger()) })
	b.Run("glog", func(b *testing.B) {
		log(b, zerolog.New(glog{zerolog.LevelWriterAdapter{Writer: io.Discard}}).With().Timestamp().Logger().Hook(position{}))
	})
	b.Run("glog with zerolog's own position", func(b *testing.B) {
		log(b, zerolog.New(glog{zerolog.LevelWriterAdapter{Writer: io.Discard}}).With().Timestamp().Caller().Logger())
	})
}
