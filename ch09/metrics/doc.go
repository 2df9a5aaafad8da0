// Package metrics measures a service and shows what it measured. It needs the standard
// library only, and can be copied whole, without its tests. Its files, in reading order:
//
//   - histogram.go: a latency histogram, percentiles from a few atomics
//   - metrics.go: rate, errors and duration of requests, by route
//   - conn_states.go: connections by state, the server's own saturation
//   - resources.go: utilization, saturation and errors of the process's resources
//   - picture.go: the last minute as a drawing
//
// The middleware that reports requests to it is Measure of the chapter.
package metrics
