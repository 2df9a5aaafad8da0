// Package ch07 is about Unix domain sockets: the three types and what each guarantees,
// listening as a service does, and knowing who is at the other end.
//
// Files in reading order:
//
//   - echo.go: an echo server for unix, unixpacket and tcp
//   - echo_datagram.go: one for unixgram and udp
//   - echo_reply_unix.go, echo_reply_other.go: answer a datagram without waiting
//   - listen.go: permission bits from the start, stale sockets replaced
//   - listen_unix.go, listen_lock.go, listen_other.go: how, and where not
//   - creds.go: admit peers by their groups
//   - creds_linux.go, creds_other.go: ask the kernel for the peer, or refuse
//   - echo/: command, an echo server on any of the five networks
//   - creds/: command, a service that admits members of the named groups
package ch07
