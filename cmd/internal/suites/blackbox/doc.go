// Package blackbox uses the programs as their users do: as processes, with flags, signals, files and ports, and nothing
// else. It has tests only.
//
// Each test says what a user does and what follows. Daemons take free ports and say when they can be reached;
// tests wait for what programs print, never for a time. In the end no process of theirs may be left.
package blackbox
