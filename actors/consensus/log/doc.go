// Package log keeps on disk what a member of a Raft group must not forget: its term and vote, the entries of its log, and
// the latest snapshot.
//
// A log is a directory of three files. "member" says who the member is; it is written once, last of the three, so that
// a directory without it holds nothing. "snapshot" is a [raftpb.Snapshot] and replaced as a whole. "log" is a row of
// records, each of which is a [raftpb.Message] of type MsgStorageAppend as Raft made it, with the term, the vote and
// entries. The first one says in its Index and LogTerm which snapshot the file continues.
//
// Every record has a checksum and a sequence number. A crash may tear the records that were written last and were never
// synced, so never answered for: they are cut off. A record that is damaged although a later one is whole was synced
// once, and is a [DamagedError].
package log
