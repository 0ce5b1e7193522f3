package conversations

import (
	"bytes"
	"fmt"
	"net/http"
	"net/url"
	"slices"

	"google.golang.org/protobuf/proto"

	"meseta/messages/mediatype"
	"meseta/messages/pb/v1/agentv1pb"
	"meseta/messages/pb/v1/executorv1pb"
	"meseta/messages/recordio"
	"meseta/runtime/web"
	"meseta/runtime/web/webtest"
	"meseta/slave/slavetest/recording"
)

// call makes a call of an executor. All in the recordings are in protobuf.
func (p *player) call(m recording.Message, body proto.Message) {
	p.t.Helper()
	u, err := url.Parse(m.Path())
	if err != nil {
		p.t.Fatal(err)
	}
	header := http.Header{"Content-Type": {m.Header["Content-Type"]}, "Accept": {m.Header["Accept"]}}
	p.calls[m.From] = web.Serve(p.node, &web.Request{
		Method: http.MethodPost, URL: u, Header: header, Body: bytes.NewReader(mediatype.Protobuf.Marshal(body)), Client: "127.0.0.1:" + m.From,
	})
	p.asked[m.From], _ = body.(*agentv1pb.Call)
	p.Settle()
}

// poll notes what the agent has answered, and written to streams.
func (p *player) poll() {
	for _, port := range sorted(p.calls) {
		r, done, err := p.calls[port].Peek()
		if !done {
			continue
		}
		delete(p.calls, port)
		if err != nil {
			p.say("answer "+port, said{text: err.Error()})
			continue
		}
		if r.Stream != nil {
			p.streams[port] = r.Stream
			continue
		}
		p.answered(port, r)
	}
	for _, port := range sorted(p.streams) {
		p.events(port)
	}
}

func (p *player) answered(port string, r *web.Response) {
	body := r.Bytes()
	switch {
	case len(body) == 0 && r.Status < 300:
	case r.Status == http.StatusOK:
		m := &agentv1pb.Response{}
		if err := proto.Unmarshal(body, m); err != nil {
			p.t.Error(err)
		}
		p.say("answer "+port, said{what: m})
	default:
		p.say("answer "+port, said{text: fmt.Sprintf("%d %s: %s", r.Status, http.StatusText(r.Status), body)})
	}
}

func (p *player) events(port string) {
	chunks, _ := webtest.Take(p.streams[port])
	var d recordio.Decoder
	for _, chunk := range chunks {
		err := d.Write(chunk, func(record []byte) {
			e := &executorv1pb.Event{}
			if err := proto.Unmarshal(record, e); err != nil {
				p.t.Error(err)
			}
			p.say("stream "+port, said{what: e})
		})
		if err != nil {
			p.t.Error(err)
		}
	}
}

func sorted[V any](m map[string]V) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
