// Package ch04 sends data over TCP: how to find messages in a stream, how to frame
// your own, and how to stand between two connections without disturbing them.
//
// Files in reading order:
//
//   - read_test.go: reads into a buffer, and why a read is not a message
//   - scanner.go: ScanDelimited, messages that end with a delimiter
//   - types.go: Payload, Binary, String and Decode, messages that begin with a length
//   - proxy.go: Proxy and ProxyConn, both directions, half-close, resets, splice
//   - relay.go: Relay, a proxy for thousands of connections, with an idle timeout
//   - relay_linux.go, relay_other.go: how a Relay copies, by platform
//   - relay_pipe_linux.go: where its bytes are between a read and a write
//   - monitor.go: Monitor, a log of the traffic that cannot end the connection
//   - retry.go: Transient, Backoff and Retry, for when a send fails
//   - write.go: WriteFull, a write that goes on where a timeout stopped it
//   - tcp_test.go, tcp_linux_test.go: what a *net.TCPConn offers over a net.Conn
//   - proxy/: the command proxy
//   - ping/: the command ping, for networks that filter ICMP
package ch04
