// Package ch08 writes HTTP clients: requests that end in time, bodies that are closed,
// connections that are used again, and what is posted by JSON and by multipart form.
//
// The files, in reading order:
//
//   - client.go: an http.Client with every limit set, and what the default one lacks
//   - time.go: the difference of two clocks, from the Date field of a HEAD request
//   - block_test.go: a server that never answers, and the errors of who gives up
//   - idle.go: a timeout that moves while the body keeps coming
//   - drain.go: what closing a body reads, draining within a bound, sizes known before
//   - reuse_test.go: how many connections N requests make, and what decides it
//   - post.go: JSON to a server that checks method, type, size and fields
//   - multipart.go: fields and files as a stream, sent and received in constant memory
//
// Command skew prints the clock differences of the servers it is given.
package ch08
