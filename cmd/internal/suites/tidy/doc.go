// Package tidy checks the code base as a whole, in its tests: which folder may import which, what only runtime may call,
// that every package says what it is for, that functions and files stay short. What is allowed nevertheless is listed
// in testdata with its reason; an entry that is not needed any more fails too, so that the lists only ever shrink.
package tidy
