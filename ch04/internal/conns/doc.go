// Package conns makes the connections and addresses that tests need, all on loopback.
// They are closed after the test.
package conns
