package input

import (
	"encoding/json"
	"unicode/utf8"
)

// Path is the name of a file. File systems allow any bytes in a name, JSON only UTF-8; a path that is not UTF-8 is
// encoded in base64.
type Path string

// encodedPath is a path that is not UTF-8.
type encodedPath struct {
	Base64 []byte `json:"base64"`
}

// MarshalJSON implements [json.Marshaler].
func (p Path) MarshalJSON() ([]byte, error) {
	if utf8.ValidString(string(p)) {
		return json.Marshal(string(p))
	}
	return json.Marshal(encodedPath{[]byte(p)})
}

// UnmarshalJSON implements [json.Unmarshaler].
func (p *Path) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] == '{' {
		var e encodedPath
		err := json.Unmarshal(data, &e)
		*p = Path(e.Base64)
		return err
	}
	return json.Unmarshal(data, (*string)(p))
}
