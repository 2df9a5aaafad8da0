package ch04

import (
	"fmt"
	"log"
)

// A Monitor is an io.Writer that logs what is written to it, for an io.TeeReader or
// an io.MultiWriter around a conn. A nil Logger logs nothing.
//
// Write never fails: an io.TeeReader hands an error of its writer to the reader, and
// an io.MultiWriter stops at the first writer that fails, so a full disk under the
// log would end the connection. But it waits for the log: let the Logger write to
// something that does not block, as the command proxy does.
//
// Many goroutines may use a Monitor at once, as they may its Logger. Not for secrets:
// it logs the bytes that pass.
type Monitor struct {
	*log.Logger
}

// Write logs p on one line, quoted, so that no peer can forge lines of the log. It
// returns len(p) and nil whatever the log says.
func (m *Monitor) Write(p []byte) (int, error) {
	if m.Logger != nil {
		m.Output(2, fmt.Sprintf("%q", p)) // losing a line is better than the conn
	}
	return len(p), nil
}
