// Package ch06 is about reliability over UDP, the sixth chapter: a TFTP server and client,
// and checksums to verify what arrived. UDP loses, duplicates and reorders datagrams; TFTP
// numbers blocks, has each acknowledged, and retransmits what was not.
//
// The files in reading order:
//
//   - packets.go: requests, option acknowledgments and errors as bytes
//   - types.go: DATA and ACK as bytes
//   - options.go: what the two sides agree on: block size, window size, timeout, file size
//   - conn.go: the socket of a transfer, and its retransmission timer
//   - send.go: the sender: windows of blocks, acknowledgments, going back to a gap
//   - receive.go: the receiver: blocks in order, gaps, the end of the file
//   - files.go: from the name in a request to a file below the root
//   - server.go: the server: its settings, its listening socket, shutdown
//   - sessions.go: which request starts a transfer, and which gets no response
//   - client.go: the client, as a program uses it
//   - trace.go: packets in words
//   - checksum.go: SHA-512/256 of readers and files
//   - tftpd, tftp, sha512-256sum: the commands, each with a test like tftpd_command_test.go
//
// Package fastudp has sockets that move a window of blocks with one system call.
// README.md has the notes.
package ch06
