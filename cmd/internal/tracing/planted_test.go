package tracing_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/rs/zerolog"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"meseta/cmd/internal/program"
	"meseta/cmd/internal/tracing"
	"meseta/messages/about"
	_ "meseta/messages/pb/agentpb"
	_ "meseta/messages/pb/executorpb"
	"meseta/messages/pb/internalpb"
	_ "meseta/messages/pb/masterpb"
	_ "meseta/messages/pb/mesospb"
	_ "meseta/messages/pb/quotapb"
	_ "meseta/messages/pb/resourceproviderpb"
	_ "meseta/messages/pb/schedulerpb"
	_ "meseta/messages/pb/v1/agentv1pb"
	_ "meseta/messages/pb/v1/executorv1pb"
	_ "meseta/messages/pb/v1/masterv1pb"
	_ "meseta/messages/pb/v1/mesosv1pb"
	_ "meseta/messages/pb/v1/schedulerv1pb"
	"meseta/runtime"
	"meseta/runtime/libprocess"
	"meseta/runtime/runtimetest"
	"meseta/runtime/trace"
)

// field is a text of messages: of which type, and its name.
type field = protoreflect.FullName

// garden plants words into the texts of messages that no trace may show, a word of its own into each.
type garden struct {
	words  map[field]string
	fields map[string]field // by their words
}

// wordLength is that of the beginnings of words, which tell them apart.
const wordLength = 5

// word is the word of a field: sixteen letters, which are a UUID as well as any.
func (g *garden) word(f field) string {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	if g.words[f] == "" {
		n := len(g.words)
		word := "QX" + string([]byte{letters[n/52/52], letters[n/52%52], letters[n%52]})
		g.words[f], g.fields[word] = word+"-confidential"[:16-wordLength], f
	}
	return g.words[f]
}

func isText(f protoreflect.FieldDescriptor) bool {
	return f.Kind() == protoreflect.StringKind || f.Kind() == protoreflect.BytesKind
}

// plant fills what m has in the field. Texts that may be shown stay empty, so that they do not crowd out what may not.
func (g *garden) plant(m protoreflect.Message, f protoreflect.FieldDescriptor, above []protoreflect.FullName) {
	switch {
	case f.IsMap():
		value := m.NewField(f).Map().NewValue()
		if f.MapValue().Message() == nil {
			value = g.value(f.MapValue(), f.FullName())
		}
		m.Mutable(f).Map().Set(g.value(f.MapKey(), f.FullName()).MapKey(), value)
	case f.Message() != nil && f.IsList():
		g.fill(m.Mutable(f).List().AppendMutable().Message(), above)
	case f.Message() != nil:
		g.fill(m.Mutable(f).Message(), above)
	case isText(f) && about.Shown(f) && f.Cardinality() != protoreflect.Required:
	case isText(f) && f.IsList():
		m.Mutable(f).List().Append(g.value(f, f.FullName()))
	case isText(f), f.Cardinality() == protoreflect.Required:
		m.Set(f, g.value(f, f.FullName()))
	}
}

// fill plants into all fields of m; into those of types that are above it, only what has to be there.
func (g *garden) fill(m protoreflect.Message, above []protoreflect.FullName) {
	d := m.Descriptor()
	deep := slices.Contains(above, d.FullName()) || len(above) > 3
	for i := range d.Fields().Len() {
		if f := d.Fields().Get(i); !deep || f.Cardinality() == protoreflect.Required {
			g.plant(m, f, append(above, d.FullName()))
		}
	}
}

func (g *garden) value(f protoreflect.FieldDescriptor, name field) protoreflect.Value {
	word := ""
	if isText(f) && !about.Shown(f) {
		word = g.word(name)
	}
	switch f.Kind() {
	case protoreflect.StringKind:
		return protoreflect.ValueOfString(word)
	case protoreflect.BytesKind:
		return protoreflect.ValueOfBytes([]byte(word))
	case protoreflect.EnumKind:
		return protoreflect.ValueOfEnum(f.Enum().Values().Get(0).Number())
	}
	return f.Default()
}

// messages are one of each type for each of its fields, which is planted with all that is in it.
func (g *garden) messages() (all []proto.Message) {
	protoregistry.GlobalTypes.RangeMessages(func(t protoreflect.MessageType) bool {
		d := t.Descriptor()
		if !strings.HasPrefix(string(d.FullName()), "mesos.") || d.IsMapEntry() {
			return true
		}
		for i := range d.Fields().Len() {
			m := t.New()
			for j := range d.Fields().Len() {
				if f := d.Fields().Get(j); i == j || f.Cardinality() == protoreflect.Required {
					g.plant(m, f, []protoreflect.FullName{d.FullName()})
				}
			}
			all = append(all, m.Interface())
		}
		return true
	})
	slices.SortStableFunc(all, func(x, y proto.Message) int {
		return strings.Compare(string(x.ProtoReflect().Descriptor().FullName()), string(y.ProtoReflect().Descriptor().FullName()))
	})
	return all
}

// sightings are how a word may look: as it is, in base64, in hexadecimal digits, as the beginning of a UUID, or as numbers.
var sightings = regexp.MustCompile(`QX[a-zA-Z]{3}|UV[g-j][a-zA-Z0-9+/_-]{5}|(?i:5158[0-9a-f]{6})|#5158[0-9a-f]{4}|\b81[, ]+88[, ]+\d`)

// found are the fields of which text shows something, sorted.
func (g *garden) found(text string) []field {
	all := map[field]bool{}
	for _, seen := range sightings.FindAllString(text, -1) {
		word := seen
		switch {
		case seen[0] == 'U':
			raw, _ := base64.StdEncoding.DecodeString(strings.NewReplacer("-", "+", "_", "/").Replace(seen)) //nolint:errcheck // then it is none
			word = string(raw)[:min(len(raw), wordLength)]
		case seen[0] == '5':
			raw, _ := hex.DecodeString(seen) //nolint:errcheck // it is hexadecimal
			word = string(raw)
		case seen[0] != 'Q':
			all[field("the bytes "+seen)] = true
		}
		if f := g.fields[word]; f != "" {
			all[f] = true
		}
	}
	return slices.Sorted(maps.Keys(all))
}

// overHTTP is a cluster of nodes that are asked as "mesos" asks them.
type overHTTP []string

func (c overHTTP) Nodes(context.Context) ([]string, error) { return c, nil }

func (c overHTTP) Get(ctx context.Context, node, path string, known bool) ([]byte, error) {
	body, err := c.Follow(ctx, node, path, known)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	return io.ReadAll(body)
}

func (c overHTTP) Follow(ctx context.Context, node, path string, _ bool) (io.ReadCloser, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+node+path, nil)
	if err != nil {
		return nil, err
	}
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	return answer.Body, nil
}

// confidant is told everything, as a message and otherwise, and repeats it.
type confidant struct {
	runtime.Actor
	batch chan string // the task that ends a batch of messages
}

func (c *confidant) Initialize() {
	runtime.Install(c, func(_ runtime.PID, m *internalpb.StatusUpdateMessage) {
		if task := m.GetUpdate().GetStatus().GetTaskId().GetValue(); task != "" {
			c.batch <- task
		}
	})
}

// tell tells another all of messages, and then of a task.
func (c *confidant) tell(to runtime.PID, messages []proto.Message, task string) {
	for _, m := range messages {
		runtime.Heard(c, m)
		runtime.Said(c, "client", m)
		c.Send(to, m)
	}
	last := update(0).(*internalpb.StatusUpdateMessage)
	last.Update.Status.TaskId.Value, last.Update.Status.Message = &task, proto.String("everybody may know http://user:QXuri-password@host")
	c.Send(to, last)
}

// planted is two nodes that were told what is confidential, and what became visible of it, by where.
type planted struct {
	t     *testing.T
	nodes overHTTP
	mu    sync.Mutex
	seen  map[string]*bytes.Buffer
}

// at is where something of that name is written to.
func (p *planted) at(name string) io.Writer {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.seen[name] == nil {
		p.seen[name] = &bytes.Buffer{}
	}
	return writer(func(b []byte) (int, error) {
		p.mu.Lock()
		defer p.mu.Unlock()
		return p.seen[name].Write(b)
	})
}

type writer func([]byte) (int, error)

func (w writer) Write(b []byte) (int, error) { return w(b) }

func (p *planted) shows(name string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.seen[name] == nil {
		return ""
	}
	return p.seen[name].String()
}

// node spawns a node that keeps files and logs all that happens.
func (p *planted) node(lens trace.Lens, name string) (runtime.Ref[*confidant], *confidant) {
	wire, err := libprocess.Listen(libprocess.Options{})
	if err != nil {
		p.t.Fatal(err)
	}
	n := runtimetest.Node(p.t, func(o *runtime.Options) { o.Wire, o.TraceRing = wire, 1<<18 })
	save := func(lines []byte) (string, error) {
		file := filepath.Join(p.t.TempDir(), name)
		return file, os.WriteFile(file, lines, 0o600)
	}
	if err := cmp.Or(trace.Spawn(n, trace.Options{Lens: lens, Save: save}), trace.Log(n, zerolog.New(p.at("MESETA_TRACE")), "all")); err != nil {
		p.t.Fatal(err)
	}
	p.nodes = append(p.nodes, n.Addr())
	c := &confidant{batch: make(chan string, 1)}
	return runtimetest.Spawn(p.t, n, name, c), c
}

// command runs "mesos" with words, until it ends or the test does.
func (p *planted) command(name string, words ...string) error {
	command := tracing.TraceCommand
	if words[0] == "actor" {
		command, words = tracing.ActorCommand, words[1:]
	}
	cmd := command(p.nodes, p.at(name), p.at(name))
	cmd.SilenceUsage, cmd.SilenceErrors = true, true
	cmd.SetArgs(words)
	return cmd.ExecuteContext(p.t.Context())
}

// request asks a node with all that a request may have in confidence.
func (p *planted) request(method, node, path string) string {
	req, err := http.NewRequestWithContext(p.t.Context(), method, "http://"+node+path, strings.NewReader("QXbod"))
	if err != nil {
		p.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer QXjwt.QXjwt.QXjwt")
	req.Header.Set("Cookie", "session=QXcoo")
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		p.t.Fatalf("%s: %s, %v: %s", path, answer.Status, err, text)
	}
	return string(text)
}

// outside are words that are planted elsewhere than in messages.
var outside = map[string]field{
	"QXuri": "the password of a URI in a reason", "QXtok": "a parameter of a request", "QXusr": "the user of a request's URL",
	"QXbod": "the body of a request", "QXjwt": "a token", "QXcoo": "a cookie",
}

// sow has a node tell another all messages, in batches that a page of a trace can hold, and looks at the pages.
func (p *planted) sow(g *garden, lens trace.Lens) {
	from, _ := p.node(lens, "told")
	to, listener := p.node(lens, "heard")
	pid := to.PID()
	follow := sync.WaitGroup{}
	p.t.Cleanup(follow.Wait)
	for _, words := range [][]string{{"--message=*", "--follow"}, {"actor", "tap", pid.String()}, {"actor", "tap", from.PID().String()}} {
		follow.Go(func() { p.command(strings.Join(words[:2], " "), words...) }) //nolint:errcheck // the end of the test interrupts it
	}
	const atOnce = 250 // which are four or five events each, on two nodes
	for batch := range slices.Chunk(g.messages(), atOnce) {
		task := fmt.Sprintf("task-%d", len(p.shows("page")))
		runtime.Dispatch(from, func(c *confidant) struct{} { c.tell(pid, batch, task); return struct{}{} })
		if got := <-listener.batch; got != task {
			p.t.Fatalf("heard of %s, want %s", got, task)
		}
		for _, node := range p.nodes {
			p.request(http.MethodGet, node, "/trace/actors?access_token=QXtok&x=1")
			fmt.Fprint(p.at("page"), p.request(http.MethodGet, node, "/trace?format=html"))
		}
	}
}

// TestNothingConfidentialIsShown plants a word into each text of each type of message that may not be shown, and into requests, has
// nodes say and hear all of them, and looks for the words in whatever "mesos trace" and "mesos actor" print, in every format, in
// what nodes answer, log and save, and in what a collector gets.
func TestNothingConfidentialIsShown(t *testing.T) {
	t.Parallel()
	g := &garden{words: map[field]string{}, fields: maps.Clone(outside)}
	p := &planted{t: t, seen: map[string]*bytes.Buffer{}}
	p.sow(g, program.Lens)
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		io.Copy(p.at("OTLP"), r.Body) //nolint:errcheck // what is missing is missed below
	}))
	t.Cleanup(collector.Close)
	saved := make([]string, len(p.nodes))
	for i, node := range p.nodes {
		saved[i] = strings.TrimSpace(p.request(http.MethodPost, node, "/trace/save"))
		text, err := os.ReadFile(saved[i])
		if err != nil {
			t.Fatal(err)
		}
		p.at("saved").Write(text)                                                               //nolint:errcheck // to memory
		io.WriteString(p.at("/trace"), p.request(http.MethodGet, node, "/trace"))               //nolint:errcheck // to memory
		io.WriteString(p.at("/trace/actors"), p.request(http.MethodGet, node, "/trace/actors")) //nolint:errcheck // to memory
	}
	for _, how := range []string{
		"--format=text", "--all", "--sequence", "--format=mermaid", "--format=svg", "--format=html", "--chrome", "--json", "--otlp=" + collector.URL, "--file=" + saved[1],
	} {
		if err := p.command(how, "--message=*", how); err != nil {
			t.Errorf("%s: %v", how, err)
		}
	}
	for _, words := range []string{"list", "top", "inspect heard@" + p.nodes[1], "inspect told@" + p.nodes[0]} {
		if err := p.command("actor "+words, append([]string{"actor"}, strings.Fields(words)...)...); err != nil {
			t.Errorf("actor %s: %v", words, err)
		}
	}
	for name := range p.seen {
		text := p.shows(name)
		if found := g.found(text); len(found) > 0 {
			t.Errorf("%s shows %v", name, found)
		}
		if shows := strings.Contains(text, "everybody may know"); shows == numbers.MatchString(name) {
			t.Errorf("%s shows what may be seen: %v", name, shows)
		}
	}
}

// numbers are what shows nothing of messages but their names.
var numbers = regexp.MustCompile(`^(MESETA_TRACE|/trace/actors|actor (list|top)|--otlp=.*)$`)

// Whatever is planted is found wherever it is shown, in each form in which it may be.
func TestPlantedWordsAreFound(t *testing.T) {
	t.Parallel()
	g := &garden{words: map[field]string{}, fields: map[string]field{}}
	var all strings.Builder
	for _, m := range g.messages() {
		all.WriteString(prototext.MarshalOptions{AllowPartial: true}.Format(m))
	}
	if found := g.found(all.String()); len(found) < 300 || len(found) != len(g.words) {
		t.Errorf("of %d words %d are found", len(g.words), len(found))
	}
	const data = "mesos.TaskInfo.data"
	word := []byte(g.words[data])
	for _, form := range []string{
		"%s", "%q", "%x", "#%.4x", "%v", base64.StdEncoding.EncodeToString(word), base64.URLEncoding.EncodeToString(word),
	} {
		if strings.Contains(form, "%") {
			form = fmt.Sprintf(form, word)
		}
		if found := g.found(form); len(found) != 1 || found[0] != data && !strings.HasPrefix(string(found[0]), "the bytes") {
			t.Errorf("%s: found %v", form, found)
		}
	}
}
