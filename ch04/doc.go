// Package ch04 sends data over TCP: how to find messages in a stream, how to frame your
// own, and how to stand between two connections without disturbing them.
//
// Files in reading order:
//
//   - read_test.go: reads into a buffer, and why a read is not a message
//   - scanner.go: ScanDelimited, messages that end with a delimiter
//   - types.go: Payload, Binary, String and Decode, messages that begin with a length
//   - proxy.go: Proxy, both directions, half-closes and resets
//   - proxy_conn.go: ProxyConn, a Proxy that makes its connections
//   - monitor.go: Monitor, a log of the traffic that cannot end the connection
//   - ping/: the command ping, for networks that filter ICMP
//
// Beyond the book:
//
//   - retry.go: Transient, Backoff and Retry, for when a send fails
//   - write.go: WriteFull, a write that goes on where a timeout stopped it
//   - idle.go: IdleConn, a limit for connections on which nothing moves
//   - tcp_test.go, tcp_linux_test.go: what a *net.TCPConn offers over a net.Conn
//   - proxy/: the command proxy
//   - splice/: copies at the least cost, by the kernel of Linux
package ch04
