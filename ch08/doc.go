// Package ch08 writes HTTP clients that end in time, close what they read, and use
// connections again, and the handlers that receive what they post.
//
// The reading path, in order:
//
//   - client.go: an http.Client with every limit set
//   - skew.go: the difference of two clocks, from the Date field of a HEAD response
//   - block_test.go: a server that never responds, and five errors of those who leave
//   - idle.go: a timeout that moves while the body keeps coming
//   - drain.go: dropping a body within a limit, and what Close drains
//   - get.go: a body of limited size, and its size in advance
//   - reuse_test.go: how many connections N requests make
//   - post.go: JSON sent, and the response decoded
//   - post_handler.go: JSON received, and every mistake of a client refused
//   - multipart.go: fields and files sent as a stream
//
// Beyond the book: parts.go receives a form as a stream, and command skew prints the
// clock differences of web servers.
package ch08
