// Package ch09 is about HTTP services: a server that slow or hostile clients cannot hold
// up, handlers that respond as RFC 9110 wants, and middleware around them. Its files, in
// reading order:
//
//   - server.go, shutdown.go: a server with every limit set, and a stop that loses no request
//   - default.go: a handler that greets, safe against script injection
//   - methods.go: a handler for each method, with OPTIONS, HEAD and 405
//   - mux_test.go: patterns of http.ServeMux, redirects and path cleaning
//   - pitfall_test.go: what happens when the header comes after the body
//   - chain.go: middleware, and the order in which it runs
//   - allow_methods.go: refuse methods before they reach a handler
//   - restrict_prefix.go: hide dot files, however the path is written
//   - secure_headers.go: headers that tell browsers to be strict
//   - timeout_test.go: http.TimeoutHandler, what it buffers and what it breaks
//   - inject.go: dependencies by closure and by struct, with database/sql
//
// Beyond the book:
//
//   - body.go: refuse a body, and close the connection as announced
//   - file_server.go, dir_fs.go, progress.go: files with validators, ranges and no listings
//   - readiness.go: fail the readiness check before the listener closes
//   - status_writer.go: what middleware may know of a response
//   - request_log.go: one log entry per request
//   - measure.go: report each request to ch09/metrics
//
// The command server puts them together. The command fault makes faults to try the
// troubleshooting notes on.
package ch09
