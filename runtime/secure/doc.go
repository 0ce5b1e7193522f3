// Package secure encrypts the connections of a wire with TLS, as libprocess does, and verifies who is at the other end.
//
// A [Transport] is made from [Options], which mirror the variables LIBPROCESS_SSL_…. It accepts connections
// ([Transport.Accept]), makes them ([Transport.Dial]), and configures HTTP clients ([Transport.Client]). Certificates, keys
// and authorities are read again when their files change; connections that exist are not affected.
package secure
