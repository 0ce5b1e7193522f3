package serve

import "syscall"

// MaxText bounds, in bytes, a request that is sent as a message and not as a file.
const MaxText = 16 << 10

// The files of a request, in this order. The process gets the last three.
const (
	fileRequest   = iota // the request itself, if it is not the message
	fileDirectory        // the working directory
	fileStatus           // for the wait status
	fileStdin
	fileStdout
	fileStderr
	fileCount
	fileReady = fileCount // of an init: closed when the command was started
)

// Request asks a forker to start a process.
type Request struct {
	Path       string // of the program
	Args       []string
	Env        []string
	Credential *syscall.Credential // nil means that of the forker
	Terminal   bool                // standard input is a terminal, and becomes that of the process
	Groups     []string            // the tasks files of the version 1 control groups of the process
	Unified    string              // the directory of its version 2 control group; "" means that of the forker
	Init       *Init               // what the container's init does; nil means that it needs none

	namespaces []namespace // open ones that the process enters
}

// Encode returns a request as a file.
func (r Request) Encode() []byte {
	e := encoder{}
	e.text(r.Path)
	e.texts(r.Args)
	e.texts(r.Env)
	e.flag(r.Terminal)
	e.flag(r.Credential != nil)
	if c := r.Credential; c != nil {
		e.number(c.Uid)
		e.number(c.Gid)
		e.flag(c.NoSetGroups)
		e.number(uint32(len(c.Groups)))
		for _, g := range c.Groups {
			e.number(g)
		}
	}
	e.texts(r.Groups)
	e.text(r.Unified)
	e.init(r.Init)
	return e
}

// Decode returns false unless content is the result of [Request.Encode].
func Decode(content []byte) (Request, bool) {
	d := decoder{left: content}
	r := Request{Path: d.text(), Args: d.texts(), Env: d.texts(), Terminal: d.flag()}
	if d.flag() {
		r.Credential = &syscall.Credential{Uid: d.number(), Gid: d.number(), NoSetGroups: d.flag()}
		for range d.count() {
			r.Credential.Groups = append(r.Credential.Groups, d.number())
		}
	}
	r.Groups, r.Unified, r.Init = d.texts(), d.text(), d.init()
	return r, !d.failed && len(d.left) == 0
}

// encoder writes numbers as four bytes, the least significant first, and texts after their length.
type encoder []byte

func (e *encoder) number(n uint32) {
	*e = append(*e, byte(n), byte(n>>8), byte(n>>16), byte(n>>24))
}

func (e *encoder) flag(b bool) {
	n := uint32(0)
	if b {
		n = 1
	}
	e.number(n)
}

func (e *encoder) text(s string) {
	e.number(uint32(len(s)))
	*e = append(*e, s...)
}

func (e *encoder) texts(all []string) {
	e.number(uint32(len(all)))
	for _, s := range all {
		e.text(s)
	}
}

// decoder reads what an encoder wrote. What is missing is empty.
type decoder struct {
	left   []byte
	failed bool
}

func (d *decoder) take(n int) []byte {
	if n < 0 || n > len(d.left) {
		d.failed, d.left = true, nil
		return nil
	}
	taken := d.left[:n]
	d.left = d.left[n:]
	return taken
}

func (d *decoder) number() uint32 {
	b := d.take(4)
	if b == nil {
		return 0
	}
	return uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16 | uint32(b[3])<<24
}

// count returns the number of things that follow, each of at least four bytes.
func (d *decoder) count() int {
	n := d.number()
	if uint64(n)*4 > uint64(len(d.left)) {
		d.failed = true
		return 0
	}
	return int(n)
}

func (d *decoder) flag() bool { return d.number() != 0 }

func (d *decoder) text() string { return string(d.take(int(d.number()))) }

func (d *decoder) texts() []string {
	var all []string
	for range d.count() {
		all = append(all, d.text())
	}
	return all
}

func (e *encoder) wide(n uint64) {
	e.number(uint32(n))
	e.number(uint32(n >> 32))
}

func (d *decoder) wide() uint64 { return uint64(d.number()) | uint64(d.number())<<32 }

func (e *encoder) init(x *Init) {
	if e.flag(x != nil); x == nil {
		return
	}
	e.number(x.Namespaces)
	e.number(x.Enter)
	e.number(x.Neighbour)
	e.text(x.View)
	e.text(x.Network)
	e.text(x.Hostname)
	e.text(x.Root)
	e.flag(x.Pivot)
	e.text(x.Sandbox)
	e.number(uint32(len(x.Mounts)))
	for _, m := range x.Mounts {
		e.texts([]string{m.Source, m.Target, m.Type, m.Options})
		e.number(m.Flags)
	}
	e.text(x.Memory)
	e.number(uint32(len(x.Secrets)))
	for _, secret := range x.Secrets {
		e.text(secret.Target)
		e.text(string(secret.Content))
		e.flag(secret.ReadOnly)
	}
	e.number(uint32(len(x.Links)))
	for _, l := range x.Links {
		e.texts([]string{l.Source, l.Target})
	}
	e.texts(x.Masked)
	e.number(uint32(len(x.Limits)))
	for _, l := range x.Limits {
		e.number(l.Resource)
		e.wide(l.Soft)
		e.wide(l.Hard)
	}
	if e.flag(x.Capabilities != nil); x.Capabilities != nil {
		e.wide(x.Capabilities.Effective)
		e.wide(x.Capabilities.Bounding)
	}
	e.flag(x.NoNewPrivileges)
	e.text(string(x.Filter))
	e.text(x.Directory)
	e.flag(x.Anywhere)
	e.texts(x.Paths)
	e.text(x.Name)
}

func (d *decoder) init() *Init {
	if !d.flag() {
		return nil
	}
	x := &Init{
		Namespaces: d.number(), Enter: d.number(), Neighbour: d.number(), View: d.text(), Network: d.text(), Hostname: d.text(), Root: d.text(),
		Pivot: d.flag(), Sandbox: d.text(),
	}
	for range d.count() {
		words := d.texts()
		if d.failed = d.failed || len(words) != 4; d.failed {
			return x
		}
		x.Mounts = append(x.Mounts, Mount{words[0], words[1], words[2], words[3], d.number()})
	}
	x.Memory = d.text()
	for range d.count() {
		x.Secrets = append(x.Secrets, Secret{Target: d.text(), Content: []byte(d.text()), ReadOnly: d.flag()})
	}
	for range d.count() {
		words := d.texts()
		if d.failed = d.failed || len(words) != 2; d.failed {
			return x
		}
		x.Links = append(x.Links, Link{words[0], words[1]})
	}
	x.Masked = d.texts()
	for range d.count() {
		x.Limits = append(x.Limits, Limit{d.number(), d.wide(), d.wide()})
	}
	if d.flag() {
		x.Capabilities = &Capabilities{d.wide(), d.wide()}
	}
	x.NoNewPrivileges = d.flag()
	if filter := d.text(); filter != "" {
		x.Filter = []byte(filter)
	}
	x.Directory, x.Anywhere, x.Paths, x.Name = d.text(), d.flag(), d.texts(), d.text()
	return x
}
