package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"meseta/messages/mediatype"
	"meseta/messages/pb/v1/masterv1pb"
	"meseta/messages/pb/v1/mesosv1pb"
	"meseta/messages/recordio"
	"meseta/runtime"
)

// followers are subscribers of the operator API. Each must get the state first, and then the same records in the same
// order as all others. The first one to get a record parses it, and checks that every task is added, runs and finishes,
// in this order.
type followers struct {
	media mediatype.Type
	node  *runtime.Node
	all   []*follower
	seed  maphash.Seed

	subscribed atomic.Int64
	gone       atomic.Int64
	news       chan error // of subscriptions, and of the first error

	heard  atomic.Int64    // records that the foremost follower got
	sums   []uint64        // checksums of the records
	times  []time.Time     // when the foremost follower got every sampled-th record
	worst  atomic.Int64    // greatest delay after the foremost follower, in ns
	mu     sync.Mutex      // guards the fields below, and growth of the slices above
	states map[uint64]bool // checksums of the states that were parsed
	tasks  map[string]mesosv1pb.TaskState
	ended  int // finished tasks
}

const (
	mostRecords = 1 << 22 // that followers can distinguish
	sampled     = 128     // one of this many records is timed
	patience    = time.Minute
)

func newFollowers(media string) (*followers, error) {
	f := &followers{
		seed: maphash.MakeSeed(), sums: make([]uint64, mostRecords), times: make([]time.Time, mostRecords/sampled),
		states: map[uint64]bool{}, tasks: map[string]mesosv1pb.TaskState{}, news: make(chan error, 1),
	}
	switch media {
	case "protobuf":
		f.media = mediatype.Protobuf
	case "json":
		f.media = mediatype.JSON
	default:
		return nil, fmt.Errorf("no followers read %q", media)
	}
	return f, nil
}

// enter implements [role]. It returns when all followers got the state.
func (f *followers) enter(node *runtime.Node, at string, people int) error {
	f.node = node
	for range people {
		one := &follower{followers: f, at: at}
		f.all = append(f.all, one)
		if _, err := runtime.Spawn(node, node.NewID("follower"), one); err != nil {
			return err
		}
	}
	return f.until(func() bool { return f.subscribed.Load() == int64(people) })
}

// answer implements [role]. "tasks n" waits until every follower got the end of n tasks; the answer is the greatest
// delay of a follower after the foremost, in milliseconds. "left" returns the number of followers.
func (f *followers) answer(question string) (string, error) {
	var tasks int
	if question == "left" {
		return fmt.Sprint(len(f.all) - int(f.gone.Load())), nil
	}
	if n, _ := fmt.Sscanf(question, "tasks %d", &tasks); n == 0 {
		return "", nil
	}
	if err := f.until(func() bool { return f.finished() >= tasks }); err != nil {
		return "", err
	}
	if err := f.until(func() bool { return f.level() }); err != nil {
		return "", err
	}
	return fmt.Sprint(time.Duration(f.worst.Load()).Seconds() * 1e3), nil
}

func (f *followers) finished() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.ended
}

// level reports whether all followers got what the foremost got.
func (f *followers) level() bool {
	for _, one := range f.all {
		if one.heard.Load() < f.heard.Load() {
			return false
		}
	}
	return true
}

// until waits until reached returns true, or fails with the first error.
func (f *followers) until(reached func() bool) error {
	for end := f.node.Clock().Now().Add(patience); !reached(); {
		tick := make(chan struct{})
		f.node.Clock().AfterFunc(2*time.Millisecond, func() { close(tick) })
		select {
		case err := <-f.news:
			return err
		case <-tick:
		}
		if f.node.Clock().Now().After(end) {
			return fmt.Errorf("after %s %d follow, %d are gone, %d tasks ended, %d records came",
				patience, f.subscribed.Load(), f.gone.Load(), f.finished(), f.heard.Load())
		}
	}
	return nil
}

func (f *followers) fail(err error) {
	select {
	case f.news <- err:
	default: // the first error is enough
	}
}

// begin checks that a record is the state. Many followers get the same long state, which is parsed once.
func (f *followers) begin(record []byte) error {
	sum := maphash.Bytes(f.seed, record)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.states[sum] {
		return nil
	}
	e, err := f.read(record)
	if err == nil && e.GetType() != masterv1pb.Event_SUBSCRIBED {
		err = fmt.Errorf("%s came first", e.GetType())
	}
	f.states[sum] = err == nil
	return err
}

// hear checks the i-th record of a follower after the state.
func (f *followers) hear(i int64, record []byte, now time.Time) error {
	sum := maphash.Bytes(f.seed, record)
	if i >= f.heard.Load() {
		f.mu.Lock()
		defer f.mu.Unlock()
		if i == f.heard.Load() {
			return f.first(i, record, sum, now)
		}
	}
	if f.sums[i] != sum {
		return fmt.Errorf("record %d is not what others heard", i)
	}
	if i%sampled == 0 {
		behind := int64(now.Sub(f.times[i/sampled]))
		for worst := f.worst.Load(); behind > worst && !f.worst.CompareAndSwap(worst, behind); worst = f.worst.Load() {
		}
	}
	return nil
}

// first records and parses a record that no other follower got before.
func (f *followers) first(i int64, record []byte, sum uint64, now time.Time) error {
	if i == mostRecords {
		return errors.New("too many records")
	}
	if f.sums[i] = sum; i%sampled == 0 {
		f.times[i/sampled] = now
	}
	f.heard.Store(i + 1)
	e, err := f.read(record)
	if err != nil {
		return err
	}
	switch e.GetType() {
	case masterv1pb.Event_TASK_ADDED:
		task := e.GetTaskAdded().GetTask()
		return f.advance(task.GetTaskId().GetValue(), task.GetState())
	case masterv1pb.Event_TASK_UPDATED:
		status := e.GetTaskUpdated().GetStatus()
		return f.advance(status.GetTaskId().GetValue(), status.GetState())
	case masterv1pb.Event_SUBSCRIBED:
		return errors.New("the state came twice")
	}
	return nil
}

// beforeV1 maps each state to the one that must precede it. UNKNOWN stands for a task that is new.
var beforeV1 = map[mesosv1pb.TaskState]mesosv1pb.TaskState{
	mesosv1pb.TaskState_TASK_STAGING:  mesosv1pb.TaskState_TASK_UNKNOWN,
	mesosv1pb.TaskState_TASK_RUNNING:  mesosv1pb.TaskState_TASK_STAGING,
	mesosv1pb.TaskState_TASK_FINISHED: mesosv1pb.TaskState_TASK_RUNNING,
}

func (f *followers) advance(task string, state mesosv1pb.TaskState) error {
	last, known := f.tasks[task]
	if !known {
		last = mesosv1pb.TaskState_TASK_UNKNOWN
	}
	if expected, can := beforeV1[state]; !can || last != expected {
		return fmt.Errorf("%s of task %s came after %s", state, task, last)
	}
	f.tasks[task] = state
	if state == mesosv1pb.TaskState_TASK_FINISHED {
		delete(f.tasks, task)
		f.ended++
	}
	return nil
}

func (f *followers) read(record []byte) (*masterv1pb.Event, error) {
	e := &masterv1pb.Event{}
	header := http.Header{"Content-Type": {f.media.String()}}
	return e, mediatype.Read(header, record, e)
}

// follower is a subscriber.
type follower struct {
	runtime.Actor
	*followers
	at    string
	state bool         // the state has come
	heard atomic.Int64 // records since the state
	beat  []byte       // the encoding of a heartbeat
}

// Initialize implements [runtime.Initializer].
func (o *follower) Initialize() {
	runtime.Go(o, func(ctx context.Context) (struct{}, error) {
		err := o.follow(ctx)
		o.gone.Add(1)
		o.fail(fmt.Errorf("a follower ended after %d of %d records: %w", o.heard.Load(), o.followers.heard.Load(), err))
		return struct{}{}, nil
	})
}

// follow reads the stream to its end.
func (o *follower) follow(ctx context.Context) error {
	stream, err := subscribe(ctx, o.at, o.media)
	if err != nil {
		return err
	}
	defer stream.conn.Close()
	var records recordio.Decoder
	for buffer := make([]byte, 64<<10); ; {
		n, err := stream.Read(buffer)
		now, wrong := o.Now(), error(nil)
		if e := records.Write(buffer[:n], func(record []byte) {
			if wrong == nil {
				wrong = o.take(record, now)
			}
		}); e != nil || wrong != nil {
			return errors.Join(e, wrong)
		}
		if err != nil {
			return err
		}
	}
}

// take handles one record: first the state, then changes, with heartbeats between them.
func (o *follower) take(record []byte, now time.Time) error {
	switch {
	case !o.state:
		if err := o.begin(record); err != nil {
			return err
		}
		o.state = true
		o.beat = o.media.Marshal(&masterv1pb.Event{Type: masterv1pb.Event_HEARTBEAT.Enum()})
		o.subscribed.Add(1)
		return nil
	case bytes.Equal(record, o.beat):
		return nil
	}
	err := o.hear(o.heard.Load(), record, now)
	o.heard.Add(1)
	return err
}

// stream is the answer to SUBSCRIBE, on a connection of its own.
type stream struct {
	io.Reader // of its body, in large pieces
	conn      net.Conn
}

func subscribe(ctx context.Context, at string, media mediatype.Type) (*stream, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", at)
	if err != nil {
		return nil, err
	}
	body, err := ask(conn, at, media)
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return &stream{body, conn}, nil
}

func ask(conn net.Conn, at string, media mediatype.Type) (io.Reader, error) {
	call := mediatype.Protobuf.Marshal(&masterv1pb.Call{Type: masterv1pb.Call_SUBSCRIBE.Enum()})
	request, err := http.NewRequest(http.MethodPost, "http://"+at+"/api/v1", bytes.NewReader(call))
	if err != nil {
		return nil, err
	}
	request.Header = http.Header{"Content-Type": {mediatype.Protobuf.String()}, "Accept": {media.String()}}
	if err := request.Write(conn); err != nil {
		return nil, err
	}
	response, err := http.ReadResponse(bufio.NewReaderSize(conn, 64<<10), request)
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("subscribe: %s", response.Status)
	}
	return response.Body, nil
}

// stalled are subscribers that do not read.
type stalled struct {
	node    *runtime.Node
	streams []*stream
}

// enter implements [role].
func (s *stalled) enter(node *runtime.Node, at string, people int) error {
	s.node = node
	for range people {
		stream, err := subscribe(context.Background(), at, mediatype.Protobuf)
		if err != nil {
			return err
		}
		s.streams = append(s.streams, stream)
	}
	return nil
}

// answer implements [role]. "cut" reads what has arrived, and returns how many streams ended within a record or a
// chunk, as they do when the master disconnects a subscriber.
func (s *stalled) answer(question string) (string, error) {
	if question != "cut" {
		return "", nil
	}
	cut, still := 0, 0
	for _, one := range s.streams {
		if err := one.conn.SetReadDeadline(s.node.Clock().Now().Add(time.Second)); err != nil {
			return "", err
		}
		_, err := io.Copy(io.Discard, one)
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			if still++; still == 5 {
				return fmt.Sprint(cut), nil // the others need not be waited for
			}
		case err != nil:
			cut++
		}
	}
	return fmt.Sprint(cut), nil
}
