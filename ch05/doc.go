// Package ch05 is about datagrams: UDP, which keeps the boundaries of messages but
// promises neither delivery nor order.
//
// Each source file stands alone: copy it and change the package name. In reading order:
//
//   - echo.go: [EchoServerUDP], a server that survives whatever it receives.
//   - listen_packet_test.go: an unconnected socket receives from all: check the sender.
//   - dial_test.go: a connected socket receives from its peer and reports closed ports.
//   - drop_test.go: a full receive buffer loses datagrams without an error.
//   - drop_linux_test.go: the kernel counts the lost datagrams.
//   - truncate_test.go: a datagram longer than the buffer loses its tail.
//   - truncate_unix_test.go: a flag reports the loss.
//   - mtu.go: [MaxPayload], the largest datagram that needs no fragments.
//   - mtu_linux_test.go: the kernel's own limit, on links of several sizes.
//   - echo: the server as a command, with a client to try it.
package ch05
