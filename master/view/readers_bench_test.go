package view_test

import (
	"io"
	"net/http"
	"slices"
	"testing"
	"time"

	"meseta/messages/pb/authorizationpb"
)

// permitting is an approver that allows everything, by looking it up as one with rules does.
type permitting map[authorizationpb.Action]bool

func (p permitting) Approved(action authorizationpb.Action, _ *authorizationpb.Object) (bool, error) {
	return p[action], nil
}

func permitAll() permitting {
	p := permitting{}
	for action := range authorizationpb.Action_name {
		p[authorizationpb.Action(action)] = true
	}
	return p
}

// BenchmarkAuthorizedReaders measures /state of 5,000 agents and 50,000 running tasks over HTTP, for a reader whose view is
// filtered by what an authorizer allows and for one where there is none, until the last byte is read. The two alternate.
// It reports the medians and their ratio.
func BenchmarkAuthorizedReaders(b *testing.B) {
	addr := serve(b)
	read := func(path string) (time.Duration, int64) {
		begin := b.Elapsed()
		response, err := http.Get("http://" + addr + path)
		if err != nil {
			b.Fatal(err)
		}
		defer response.Body.Close()
		bytes, err := io.Copy(io.Discard, response.Body)
		if err != nil || response.StatusCode != http.StatusOK {
			b.Fatal(response.Status, err)
		}
		return b.Elapsed() - begin, bytes
	}
	read("/filtered") // the first one makes what all share
	var filtered, whole []time.Duration
	for b.Loop() {
		all, bytes := read("/state")
		seen, seenBytes := read("/filtered")
		if seenBytes != bytes {
			b.Fatalf("%d bytes are seen of %d, although everything may be", seenBytes, bytes)
		}
		whole, filtered = append(whole, all), append(filtered, seen)
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(middle(filtered), "ns/filtered")
	b.ReportMetric(middle(whole), "ns/whole")
	b.ReportMetric(middle(filtered)/middle(whole), "ratio")
}

func middle(all []time.Duration) float64 {
	slices.Sort(all)
	return float64(all[len(all)/2].Nanoseconds())
}
