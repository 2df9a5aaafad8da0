// Package ch05 is about datagrams: UDP, which keeps the boundaries of messages, and
// promises neither their delivery nor their order.
//
// Each file stands alone: copy it and change the package name. In reading order:
//
//   - echo.go: [EchoServerUDP], a server that survives whatever strangers send.
//   - listen_packet_test.go: an unconnected socket hears everybody: check the sender.
//   - dial_test.go: a connected socket hears its peer only, and learns of closed ports.
//   - drop_test.go: a full receive buffer loses datagrams, and nobody is told.
//   - drop_linux_test.go: but the kernel counts them.
//   - truncate_test.go: a datagram longer than the buffer loses its tail.
//   - truncate_unix_test.go: and a flag tells.
//   - mtu.go: [MaxPayload], the largest datagram that needs no fragments.
//   - mtu_linux_test.go: the kernel's word on it, on links of several sizes.
//   - echo: the server as a command, and a client to try it.
package ch05
