package ch06

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"strings"
	"time"
)

// Copy with: types.go, request.go, options.go, server.go, files.go, transfer.go, link.go, lockstep_linux.go, lockstep_other.go, offload_linux.go, offload_other.go, arrival_linux.go, arrival_other.go.

// flood is how many transfers may wait for their first acknowledgment before that looks
// like an attack.
const flood = 64

var (
	errEvicted    = errors.New("made room for another client")
	errSuperseded = errors.New("the client began anew")
)

// session is a transfer as the server sees it.
type session struct {
	transfer
	request ReadReq
	raw     string     // the request's bytes
	port    *arrival   // where it arrived
	local   netip.Addr // to answer from; the zero Addr where it is not known
	number  uint64     // sessions started before
	cancel  context.CancelCauseFunc
	next    *session // what the same client asked for meanwhile; guarded by Server.mu
	wanted  bool     // next is no late copy, as far as one can know; likewise
	repeats int      // of the request, while the client did not go on; likewise
}

// arrived deals with one datagram at the listening port. What is no request is dropped
// without an answer, since two servers could answer each other for ever.
func (s *Server) arrived(port *arrival, b []byte, client netip.AddrPort, local netip.Addr) {
	op := opCode(b)
	if op != OpRRQ && op != OpWRQ || client.Port() == 0 {
		return
	}
	next := &session{raw: string(b[:min(len(b), maxRequestSize+1)]), port: port, local: local}
	refusal := s.judge(next, op, b, client)
	if refusal == nil {
		return
	}
	if answer, err := refusal.MarshalBinary(); err == nil {
		port.reply(answer, client)
	}
	s.log(slog.LevelWarn, "refused", "client", client, "file", next.request.Filename,
		"code", int(refusal.Code), "reason", refusal.Message)
}

// judge returns why a request is refused, or nil.
func (s *Server) judge(next *session, op OpCode, b []byte, client netip.AddrPort) *Err {
	if op == OpWRQ {
		return &Err{ErrIllegalOp, "this server is read-only"}
	}
	if err := next.request.UnmarshalBinary(b); err != nil {
		return &Err{ErrIllegalOp, strings.TrimPrefix(err.Error(), ErrMalformed.Error()+": ")}
	}
	if mode := next.request.Mode; !strings.EqualFold(mode, "octet") {
		return &Err{ErrIllegalOp, fmt.Sprintf("mode %.20q: this server is octet-only", mode)}
	}
	return s.admit(next, client)
}

// admit starts the session next, unless the client has one already or there are too many.
func (s *Server) admit(next *session, client netip.AddrPort) *Err {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return &Err{ErrUnknown, "the server is shutting down"}
	}
	next.client = client
	if current := s.sessions[client]; current != nil {
		// The same request again was sent or delivered twice, and starts nothing, unless it
		// comes once more while the client does not go on: as one that was restarted.
		phase, insists := current.phase.Load(), false
		if next.raw == current.raw {
			if phase != stalled {
				current.repeats = 0
				return nil
			}
			current.repeats++
			insists = current.repeats > 1
			if !insists {
				return nil
			}
		} else {
			insists = current.next != nil && current.next.raw == next.raw
		}
		// Any other request is a new wish, and starts when the current transfer has ended:
		// by the acknowledgment that is on its way when the last block is out, or at once if
		// the client does not acknowledge it or insists. While the transfer flows it may be
		// a late copy of what was fetched before, and then it starts nothing.
		ending := current.ending.Load()
		current.next = next
		current.wanted = insists || phase != flowing || ending
		if insists || phase != flowing && !ending {
			current.cancel(errSuperseded)
		}
		return nil
	}
	limit := orDefault(max(0, s.MaxTransfers), 512)
	full := len(s.sessions) >= limit && !s.evict(limit)
	if full || int(s.running.Load()) >= limit+4096 { // evicted ones end late where the FS hangs
		return &Err{ErrUnknown, fmt.Sprintf("busy with %d transfers, try again later", limit)}
	}
	s.start(next)
	return nil
}

// evict ends the transfer that has waited longest for its first acknowledgment, where so
// many wait that it can only be a flood of forged requests; mu is held. An honest client
// answers long before as many requests as that have followed its own.
func (s *Server) evict(limit int) bool {
	var oldest *session
	waiting := 0
	for _, c := range s.sessions {
		if c.phase.Load() == halfOpen {
			waiting++
			if oldest == nil || c.number < oldest.number {
				oldest = c
			}
		}
	}
	if waiting < min(flood, max(16, limit/2)) {
		return false
	}
	oldest.cancel(errEvicted)
	delete(s.sessions, oldest.client)
	return true
}

// start runs the session in a goroutine of its own; mu is held.
func (s *Server) start(next *session) {
	ctx, cancel := context.WithCancelCause(context.Background())
	next.cancel = cancel
	next.number = s.started
	s.sessions[next.client] = next
	s.started++
	s.running.Add(1)
	next.busy = &s.running
	go s.serve(ctx, next) // finish is the last that it does, and Close waits for that
}

// serve answers one request from a port of its own and logs how it went.
func (s *Server) serve(ctx context.Context, c *session) {
	defer s.finish(c)
	start := time.Now()
	err := s.transfer(ctx, c)
	outcome, level := "done", slog.LevelInfo
	if err != nil {
		outcome, level = err.Error(), slog.LevelWarn
	}
	s.log(level, "transfer", "client", c.client, "file", c.request.Filename, "bytes", c.bytes,
		"blocks", c.blocks, "resent", c.resent, "duration", time.Since(start), "outcome", outcome)
}

// transfer opens the socket and the file, settles the options and sends the file.
func (s *Server) transfer(ctx context.Context, c *session) error {
	listen, network, host := s.ListenPacket, "udp4", ""
	if listen == nil {
		listen = net.ListenPacket
	}
	if c.client.Addr().Is6() {
		network = "udp6"
	}
	if c.local.IsValid() {
		host = c.local.String()
	}
	conn, err := listen(network, net.JoinHostPort(host, "0"))
	if err != nil {
		if busy, err := (&Err{ErrUnknown, "no port is free, try again later"}).MarshalBinary(); err == nil {
			c.port.conn.WriteToUDPAddrPort(busy, c.client) // a courtesy
		}
		return fmt.Errorf("no port for the transfer: %w", err)
	}
	defer conn.Close()
	c.timeout = orDefault(max(0, s.Timeout), time.Second)
	c.link = newLink(conn, c.timeout, max(0, orDefault(s.Retries, 5)))

	file, size, closeFile, err := openFile(s.FS, s.Payload, c.request.Filename)
	if refusal, ok := errors.AsType[*Err](err); ok {
		c.sendErr(refusal.Code, refusal.Message, c.client)
		return err
	}
	defer closeFile() // only read: nothing is lost

	c.terms = terms{BlockSize, 1, c.timeout, size}
	granted := grant(c.request.Options, &c.terms,
		max(8, min(orDefault(s.MaxBlockSize, MaxBlockSize), MaxBlockSize)),
		max(1, min(orDefault(s.MaxWindowSize, 64), 65535)))
	// A client that has not answered yet may be forged: its word does not bind us for
	// minutes.
	c.calm = min(c.timeout, max(maxWait, orDefault(s.Timeout, time.Second)))
	c.wait = c.calm
	c.file = buffered(file, c.blockSize*c.windowSize)
	var oack []byte
	if len(granted) > 0 {
		if oack, err = (&OptionAck{granted}).MarshalBinary(); err != nil {
			return err
		}
	}
	err = c.run(ctx, oack)
	switch end, told := errors.AsType[*Err](err); {
	case told:
		return fmt.Errorf("ended by the client: %w", end)
	case err == nil, err == errEvicted, err == errSuperseded:
	case errors.Is(err, ErrServerClosed):
		c.sendErr(ErrUnknown, "the server is shutting down", c.client)
	case errors.Is(err, os.ErrDeadlineExceeded):
		c.sendErr(ErrUnknown, "no acknowledgment came", c.client)
	case errors.Is(err, net.ErrClosed):
	default:
		c.sendErr(ErrUnknown, "the file cannot be read to its end", c.client)
	}
	return err
}

// finish forgets the session and starts what its client asked for meanwhile.
func (s *Server) finish(c *session) {
	c.cancel(nil) // gives back what the context holds
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sessions[c.client] == c {
		delete(s.sessions, c.client)
		if c.next != nil && c.wanted && !s.closed {
			s.start(c.next)
		}
	}
	if s.running.Add(-1) == 0 && s.closed {
		close(s.idle)
	}
}
