// Package ch03 is about TCP, a reliable stream of bytes: how to dial, accept, time out,
// keep alive and end connections.
//
// Each source file stands alone: copy it and change the package name. In reading order:
//
//   - listen_test.go: bind a listener to a free port, by name, and what fails.
//   - serve.go: [Serve], an accept loop that survives errors and ends in order.
//   - dial_test.go: connect, exchange, end; FIN, half-close, reset, refused.
//   - dial_conn_test.go: one function of net.Conn over TCP, Unix sockets and net.Pipe.
//   - dial_timeout.go: [DialTimeout], a dial that times out.
//   - dial_context_test.go: a dial that times out at the deadline of its context.
//   - dial_cancel_test.go: a dial that is canceled.
//   - dial_errors_test.go: a table of what goes wrong and what the errors match.
//   - dial_fanout.go: [DialFirst], many dials at once; the first connection wins.
//   - deadline_test.go: reads and writes that time out, and how to interrupt them.
//   - ping.go: [Pinger], a heartbeat for quiet connections.
//   - heartbeat_test.go: both sides of a connection notice that the other has gone.
//
// Beyond the book: serve_*_test.go (errors, panics and the end of a server),
// timer_test.go and the package ch03/idle, which limits how long a connection may be
// idle.
package ch03
