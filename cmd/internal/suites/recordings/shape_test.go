package recordings

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// shape is what of what type is in a JSON document: one line for each path, [] for elements of arrays. Integers and
// fractions are different types.
func shape(document []byte) (map[string]string, error) {
	decoder := json.NewDecoder(strings.NewReader(string(document)))
	decoder.UseNumber()
	var v any
	if err := decoder.Decode(&v); err != nil {
		return nil, err
	}
	into := map[string]string{}
	addShape(into, "", v)
	return into, nil
}

func addShape(into map[string]string, path string, v any) {
	switch v := v.(type) {
	case map[string]any:
		into[path] = "object"
		for key, value := range v {
			addShape(into, path+"."+key, value)
		}
	case []any:
		into[path] = "array"
		for _, value := range v {
			addShape(into, path+"[]", value)
		}
	case json.Number:
		into[path] = "integer"
		if strings.ContainsAny(v.String(), ".eE") {
			into[path] = "fraction"
		}
	default:
		into[path] = fmt.Sprintf("%T", v)
	}
}

// difference lists what is in one shape only or of another type.
func difference(want, got map[string]string) []string {
	var lines []string
	for _, path := range slices.Sorted(maps.Keys(want)) {
		switch {
		case got[path] == "":
			lines = append(lines, "lacks "+path)
		case got[path] != want[path]:
			lines = append(lines, fmt.Sprintf("%s is %s, not %s", path, got[path], want[path]))
		}
	}
	for _, path := range slices.Sorted(maps.Keys(got)) {
		if want[path] == "" {
			lines = append(lines, "has "+path+" besides")
		}
	}
	return lines
}
