package mediatype

import (
	"net/http"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// mostParts bounds how many messages a body of protobuf consists of. A message takes a few hundred bytes of memory, however
// few it has on the wire; two are the fewest.
const mostParts = 1 << 20

// Unmarshal reads a body of protobuf into m. A body that consists of very many messages is refused with a [*Refusal].
//
// Differs: Mesos reads whatever fits into memory.
func Unmarshal(body []byte, m proto.Message) error {
	if len(body) > 2*mostParts && parts(body, m.ProtoReflect().Descriptor(), mostParts, protowire.DefaultRecursionLimit) > mostParts {
		return refuse(http.StatusRequestEntityTooLarge, "The body has more than %d messages in it", mostParts)
	}
	return proto.Unmarshal(body, m)
}

// parts counts the messages in an encoded message, itself among them, up to one more than most. It counts no further where the
// encoding is wrong, or deeper than depth: nobody reads what comes there.
func parts(encoded []byte, d protoreflect.MessageDescriptor, most, depth int) (n int) {
	for n = 1; len(encoded) > 0 && n <= most && depth > 0; {
		number, kind, size := protowire.ConsumeTag(encoded)
		if size < 0 {
			return n
		}
		encoded = encoded[size:]
		size = protowire.ConsumeFieldValue(number, kind, encoded)
		if size < 0 {
			return n
		}
		if f := d.Fields().ByNumber(number); kind == protowire.BytesType && f != nil && f.Message() != nil {
			value, _ := protowire.ConsumeBytes(encoded)
			n += parts(value, f.Message(), most-n, depth-1)
		}
		encoded = encoded[size:]
	}
	return n
}
