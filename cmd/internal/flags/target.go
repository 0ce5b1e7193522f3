package flags

import (
	"encoding/json"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/messages/mesosjson"
	"meseta/messages/units"
)

// Target stores a flag's value of a type that the package does not support itself.
type Target interface {
	// Set parses text and stores the value.
	Set(text string) error
	// String returns the value as Mesos prints it.
	String() string
}

// target returns the Target for an argument of Bind, of a flag of the given type. It panics if the argument's type is not supported,
// which is a bug of the program.
func target(kind string, at any) Target {
	if narrower, ok := narrow(kind, at); ok {
		return narrower
	}
	switch p := at.(type) {
	case Target:
		return p
	case *string:
		return value[string]{p, asIs, identity}
	case *bool:
		return value[bool]{p, parseBool, strconv.FormatBool}
	case *int:
		return value[int]{p, parseInt, strconv.Itoa}
	case *uint16:
		return value[uint16]{p, parsePort, func(n uint16) string { return strconv.Itoa(int(n)) }}
	case *uint64:
		return value[uint64]{p, parseUint, func(n uint64) string { return strconv.FormatUint(n, 10) }}
	case *float64:
		return value[float64]{p, parseFloat, printFloat}
	case *time.Duration:
		return value[time.Duration]{p, units.ParseDuration, units.FormatDuration}
	case **time.Duration:
		return optionalDuration{p}
	case *units.Bytes:
		return value[units.Bytes]{p, units.ParseBytes, units.Bytes.String}
	case *netip.Addr:
		return value[netip.Addr]{p, netip.ParseAddr, netip.Addr.String}
	case *[]string:
		return value[[]string]{p, parseList, func(list []string) string { return strings.Join(list, ",") }}
	case *map[string]string:
		return value[map[string]string]{p, parseObject, printObject}
	}
	panic(fmt.Sprintf("flags: no way to read a value into a %T", at))
}

// narrow returns the Target of a flag whose type allows less than the Go type of its value does.
func narrow(kind string, at any) (Target, bool) {
	switch p := at.(type) {
	case *int:
		switch kind {
		case "uint":
			return value[int]{p, parseCount, strconv.Itoa}, true
		case "port":
			return value[int]{p, parseAnyPort, strconv.Itoa}, true
		}
	case *string:
		if kind == "ip" {
			return value[string]{p, parseIP, identity}, true
		}
	}
	return nil, false
}

// Not is a [Target] of a boolean flag that stores the opposite of what it is set to.
func Not(at *bool) Target {
	return value[bool]{
		at, func(text string) (bool, error) { v, err := parseBool(text); return !v, err },
		func(v bool) string { return strconv.FormatBool(!v) },
	}
}

// Func is a [Target] that passes the text to read, for JSON documents and the like. It prints the text it was set to.
func Func(read func(text string) error) Target { return &function{read: read} }

// Into is a [Target] that stores the result of parse in at.
func Into[T any](at *T, parse func(string) (T, error)) Target {
	return Func(func(text string) (err error) {
		*at, err = parse(text)
		return err
	})
}

// Message is a [Target] that parses a message from JSON in Mesos's form.
func Message[M any, P interface {
	*M
	proto.Message
}](at *P) Target {
	return Func(func(text string) error {
		m := P(new(M))
		if err := mesosjson.Unmarshal([]byte(text), m); err != nil {
			return fmt.Errorf("not the JSON of a %s: %w", m.ProtoReflect().Descriptor().Name(), err)
		}
		*at = m
		return nil
	})
}

type function struct {
	read func(string) error
	text string
}

func (f *function) Set(text string) error {
	f.text = text
	return f.read(text)
}

func (f *function) String() string { return f.text }

// value is a Target for a type with functions that parse and print it.
type value[T any] struct {
	at    *T
	parse func(string) (T, error)
	print func(T) string
}

func (v value[T]) Set(text string) error {
	parsed, err := v.parse(text)
	if err == nil {
		*v.at = parsed
	}
	return err
}

func (v value[T]) String() string { return v.print(*v.at) }

// optionalDuration is a duration that is nil until it is set.
type optionalDuration struct{ at **time.Duration }

func (o optionalDuration) Set(text string) error {
	d, err := units.ParseDuration(text)
	if err == nil {
		*o.at = &d
	}
	return err
}

func (o optionalDuration) String() string {
	if *o.at == nil {
		return ""
	}
	return units.FormatDuration(**o.at)
}

func identity(text string) string { return text }

func asIs(text string) (string, error) { return text, nil }

// parseBool parses a boolean. The empty string is true, because --strict and --strict= both mean that.
func parseBool(text string) (bool, error) {
	switch text {
	case "true", "1", "":
		return true, nil
	case "false", "0":
		return false, nil
	}
	return false, fmt.Errorf("%q is neither true nor false", text)
}

func parsePort(text string) (uint16, error) {
	n, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return 0, fmt.Errorf("%q is not a number from 0 to 65535", text)
	}
	return uint16(n), nil
}

func parseAnyPort(text string) (int, error) {
	n, err := parsePort(text)
	return int(n), err
}

// parseInt parses a number of 32 bits, as Mesos's flags have.
func parseInt(text string) (int, error) {
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil {
		return 0, fmt.Errorf("%q is not a whole number from -2147483648 to 2147483647", text)
	}
	return int(n), nil
}

// parseCount parses a number of 64 bits without a sign. More than an int holds is as many as it holds.
//
// Differs: Mesos takes -1 for the largest number. It then cannot make the list that this is the length of.
func parseCount(text string) (int, error) {
	n, err := parseUint(text)
	return int(min(n, math.MaxInt)), err
}

func parseIP(text string) (string, error) {
	if _, err := netip.ParseAddr(text); err != nil {
		return "", fmt.Errorf("%q is not an IP address, such as 127.0.0.1", text)
	}
	return text, nil
}

func parseUint(text string) (uint64, error) {
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%q is not a whole number from 0 to 18446744073709551615", text)
	}
	return n, nil
}

// parseFloat parses a number.
//
// Differs: Mesos also takes nan and inf, which are in no range that it checks, or in all.
func parseFloat(text string) (float64, error) {
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
		return 0, fmt.Errorf("%q is not a number", text)
	}
	return f, nil
}

// printFloat prints six significant digits, as Mesos does.
func printFloat(f float64) string { return strconv.FormatFloat(f, 'g', 6, 64) }

// parseList splits a list. It drops empty items and refuses duplicates.
func parseList(text string) ([]string, error) {
	items := slices.DeleteFunc(strings.Split(text, ","), func(item string) bool { return item == "" })
	for i, item := range items {
		if slices.Contains(items[:i], item) {
			return nil, fmt.Errorf("%q is listed twice", item)
		}
	}
	return items, nil
}

func parseObject(text string) (map[string]string, error) {
	var object map[string]string
	if err := json.Unmarshal([]byte(text), &object); err != nil {
		return nil, fmt.Errorf("not a JSON object of strings: %w", err)
	}
	return object, nil
}

// printObject prints the object with sorted keys, as encoding/json does.
func printObject(object map[string]string) string {
	text, err := json.Marshal(object)
	if err != nil {
		panic(err) // strings can always be encoded
	}
	return string(text)
}

// canonical returns text in the form in which a flag of the given type prints it: 60secs as 1mins.
func canonical(kind, text string) string {
	scratch := map[string]Target{
		"duration": target("duration", new(time.Duration)),
		"size":     target("size", new(units.Bytes)),
		"number":   target("number", new(float64)),
	}[kind]
	if scratch == nil || scratch.Set(text) != nil {
		return text
	}
	return scratch.String()
}
