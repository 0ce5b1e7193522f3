package plugin

import (
	"fmt"

	"meseta/actors/modules"
	"meseta/messages/pb/pluginpb"
	"meseta/runtime"
)

// Kind is a kind of modules that programs may have.
type Kind struct {
	Name string // as [modules.Catalogue.Kind] returns it
	// Add adds a module of a program to the catalogue of a daemon.
	Add func(c *modules.Catalogue, p *Program, name string)
	// Make makes a module that was chosen in s, in the program that has it. It returns what answers the calls about the module.
	Make func(n *runtime.Node, s *modules.Set, name string) (Answer, *pluginpb.Created, error)
}

// Answer answers calls about one module, one after the other.
type Answer func(*pluginpb.Request) (*pluginpb.Response, error)

// Add adds the modules that a program offers to the catalogue of a daemon that uses modules of these kinds. The others,
// which may be for another daemon, are left out.
func Add(c *modules.Catalogue, p *Program, offered []*pluginpb.Module, kinds []Kind) error {
	for _, m := range offered {
		if c.Kind(m.GetName()) != "" {
			return fmt.Errorf("module %q is there already", m.GetName())
		}
		for _, k := range kinds {
			if k.Name == m.GetKind() {
				k.Add(c, p, m.GetName())
			}
		}
	}
	return nil
}

// Anonymous is the kind of modules that only have to be there.
var Anonymous = Kind{Name: "Anonymous", Add: addAnonymous, Make: makeAnonymous}

func addAnonymous(c *modules.Catalogue, p *Program, name string) {
	modules.Add(c, name, func(parameters modules.Parameters) (modules.Anonymous, error) {
		_, err := p.Create(name, parameters)
		return program{}, err
	})
}

// program is an anonymous module of a program. It ends with its program.
type program struct{}

func (program) Close() error { return nil }

func makeAnonymous(_ *runtime.Node, s *modules.Set, name string) (Answer, *pluginpb.Created, error) {
	_, err := modules.Create[modules.Anonymous](s, name)
	return unknown, &pluginpb.Created{}, err
}
