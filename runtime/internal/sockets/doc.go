// Package sockets does what the system can do with connections and package net does not offer: it tells that a client ended its
// side although it said more than was read, and lets connections that write the same take turns.
package sockets
