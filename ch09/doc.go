// Package ch09 is about building HTTP services: a server that no slow or hostile client
// holds up, handlers that answer as RFC 9110 wants, and middleware around them, down to
// the measures that tell how the service does. Its files, in reading order:
//
//   - server.go: a server with every limit set, and stopping it without losing a request
//   - default.go: a handler that greets, safe against script injection
//   - methods.go: a handler for each method, with OPTIONS, HEAD and 405
//   - mux_test.go: patterns of http.ServeMux, redirects and path cleaning
//   - pitfall_test.go: what happens when the header comes after the body
//   - inject.go: dependencies by closure and by struct, with database/sql
//   - chain.go: middleware, and the order in which it runs
//   - allow_methods.go: refuse methods before they reach a handler
//   - secure_headers.go: headers that tell browsers to be strict
//   - restrict_prefix.go: hide dot files, however the path is written
//   - file_server.go: files with validators, ranges and no listings
//   - timeout_test.go: http.TimeoutHandler, what it buffers and what it breaks
//   - drain.go: read the rest of a body, within a bound
//   - status_writer.go: a wrapped ResponseWriter that keeps what the inner one can
//   - request_log.go: one log entry per request
//   - histogram.go: a latency histogram, percentiles from a few atomics
//   - metrics.go: rate, errors and duration of requests, by route
//   - conn_states.go: connections by state, the server's own saturation
//   - use.go: utilization, saturation and errors of the process's resources
//
// The command server in this folder puts them together; fault makes a fault to try the
// troubleshooting notes on.
package ch09
