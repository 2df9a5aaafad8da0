// Package ch07 is about Unix domain sockets: the three types and what each guarantees,
// socket files that dead servers leave, and who is at the other end.
//
// Files in reading order:
//
//   - serve.go: an accept loop that ends in order
//   - echo.go: an echo server for unix, unixpacket and tcp
//   - echo_datagram.go: an echo server for unixgram and udp
//   - listen.go: replace the socket file of a dead server
//   - creds.go: admit peers by their groups
//   - creds_linux.go, creds_other.go: ask the kernel for the peer, or refuse
//   - creds_groups_linux.go: the peer's supplementary groups
//   - sockfile/: socket files as a service needs them, for the commands
//   - echo/: command, an echo server on any of the five networks
//   - creds/: command, a service that admits members of the named groups
package ch07
