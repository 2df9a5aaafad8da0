// Package ch03 is about reliable streams of bytes: TCP connections made, accepted,
// limited in time, kept alive and ended.
//
// Each file stands alone: copy it and change the package name. In reading order:
//
//   - listen_test.go: bind a listener, to a free port, by name, and what fails.
//   - serve.go: [Serve], an accept loop that survives and that ends.
//   - dial_test.go: connect, exchange, end; FIN, half-close, reset, refused.
//   - dial_conn_test.go: one function of net.Conn over TCP, Unix sockets, net.Pipe.
//   - dial_timeout.go: [DialTimeout], a dial that gives up.
//   - dial_context_test.go: a dial that gives up at its context's deadline.
//   - dial_cancel_test.go: a dial that is called off.
//   - dial_errors_test.go: a table of what goes wrong and what the errors match.
//   - dial_fanout.go: [DialFirst], many dials at once, the first connection wins.
//   - deadline_test.go: reads and writes that time out, and how to interrupt them.
//   - deadline.go: [IdleTimeout], a deadline that moves ahead with each byte.
//   - ping.go: [Pinger], a heartbeat for connections that are quiet.
//   - heartbeat_test.go: both sides of a connection notice that the other is gone.
package ch03
