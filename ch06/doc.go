// Package ch06 is about reliability over UDP, the sixth chapter: a TFTP server and client,
// and checksums to verify what arrived. UDP loses, repeats and reorders datagrams; TFTP
// numbers blocks, has each acknowledged, and sends again what was not.
//
// The files in reading order:
//
//   - types.go: the packets DATA, ACK and ERROR as bytes, and their codes
//   - request.go: the packets that carry text: read requests and option acknowledgments
//   - options.go: what the two sides agree on: block size, window size, timeout, file size
//   - link.go: one end of a transfer: a socket and the timer that sends again
//   - transfer.go: the sender: windows of blocks, acknowledgments, going back to a gap
//   - files.go: from the name in a request to a file below the root
//   - server.go: the server: its settings, its listening port, how it stops
//   - sessions.go: which request starts a transfer, which is refused
//   - client.go: the client, as a program uses it
//   - download.go: the receiver: blocks in order, gaps, the end of the file
//   - lockstep_linux.go, lockstep_other.go: one block after the other, with little overhead
//   - offload_linux.go, offload_other.go: a window in one system call, where the kernel can
//   - arrival_linux.go, arrival_other.go: answers come from the address that was asked
//   - checksum.go: SHA-512/256 of readers and files
//   - tftpd, tftp, sha512-256sum: the commands, each with a test like tftpd_command_test.go
//
// Tests without a file of their own: lossy_test.go (a bad network in memory),
// client_cancel_test.go (servers that fall silent), real_clients_test.go (curl, atftp,
// tftp-hpa, busybox), transfer_bench_test.go (what block and window sizes cost) and
// length_extension_test.go (why SHA-512/256).
package ch06
