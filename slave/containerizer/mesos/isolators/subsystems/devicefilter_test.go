package subsystems

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"github.com/cilium/ebpf/asm"
)

// decide runs a program that decides about devices, as the kernel would.
func decide(t *testing.T, program asm.Instructions, access, kind, major, minor uint32) bool {
	t.Helper()
	labels, r := map[string]int{}, map[asm.Register]uint64{}
	for i, x := range program {
		if name := x.Symbol(); name != "" {
			labels[name] = i
		}
	}
	var asked [12]byte
	for i, word := range []uint32{access<<16 | kind, major, minor} {
		binary.NativeEndian.PutUint32(asked[4*i:], word)
	}
	for i := 0; i < len(program); i++ {
		x := program[i]
		value := uint64(x.Constant)
		if x.OpCode.Class() != asm.LdXClass && x.OpCode.Source() == asm.RegSource {
			value = r[x.Src]
		}
		switch op := x.OpCode; {
		case op.Class() == asm.LdXClass:
			r[x.Dst] = uint64(binary.NativeEndian.Uint32(asked[x.Offset:]))
		case op.JumpOp() == asm.Exit:
			return r[asm.R0] != 0
		case op.JumpOp() == asm.JNE:
			if r[x.Dst] != value {
				i = labels[x.Reference()] - 1
			}
		case op.ALUOp() == asm.Mov:
			r[x.Dst] = value
		case op.ALUOp() == asm.And:
			r[x.Dst] &= value
		case op.ALUOp() == asm.RSh:
			r[x.Dst] >>= value
		default:
			t.Fatalf("instruction %v", x)
		}
	}
	t.Fatal("the program does not end")
	return false
}

// A program allows what its entries allow: any one of them everything that is asked.
func TestDecisionsAboutDevices(t *testing.T) {
	t.Parallel()
	const entries = "c *:* m, c 1:3 rwm, c 136:* rw, b 7:1 r, b *:5 w"
	for asked, want := range map[string]bool{
		"c 1:3 r": true, "c 1:3 w": true, "c 1:3 rw": true, "c 1:3 m": true, "c 1:3 rwm": true,
		"c 1:4 r": false, "c 2:3 r": false, "b 1:3 r": false, "c 9:9 m": true, "c 9:9 rm": false, "b 9:9 m": false,
		"c 136:0 rw": true, "c 136:1048575 w": true, "c 137:0 r": false,
		"b 7:1 r": true, "b 7:1 w": false, "b 7:1 rw": false, "b 8:5 w": true, "b 7:5 r": false, "c 8:5 w": false,
	} {
		program, err := deviceProgram(strings.Split(entries, ", "))
		if err != nil {
			t.Fatal(err)
		}
		var kind, access string
		var major, minor uint32
		if _, err := fmt.Sscanf(asked, "%s %d:%d %s", &kind, &major, &minor, &access); err != nil {
			t.Fatal(err)
		}
		bits, err := accessOf(access)
		if err != nil {
			t.Fatal(err)
		}
		if got := decide(t, program, uint32(bits), map[string]uint32{"b": 1, "c": 2}[kind], major, minor); got != want {
			t.Errorf("%s: %v, want %v", asked, got, want)
		}
	}
	nothing, err := deviceProgram(nil)
	if err != nil || decide(t, nothing, readDevice, charDevice, 1, 3) {
		t.Errorf("without entries, a device is allowed (%v)", err)
	}
}

// All entries of version 1 can be decided about, and nothing else.
func TestEntriesOfDevices(t *testing.T) {
	t.Parallel()
	if _, err := deviceProgram(usualDevices); err != nil {
		t.Error(err)
	}
	for _, entry := range []string{"", "a *:* rwm", "c 1 r", "c 1:-3 r", "c 1:x r", "c 1:3", "c 1:3 x", "c 4294967296:1 r"} {
		if _, err := deviceProgram([]string{entry}); err == nil {
			t.Errorf("%q is an entry", entry)
		}
	}
}
