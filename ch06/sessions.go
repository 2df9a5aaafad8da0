package ch06

import (
	"cmp"
	"container/list"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// Copy with: packets.go, options.go, conn.go, send.go, files.go, server.go.

const (
	needed = 2 * time.Second // a client's first ACK may take that long
	gone   = 5 * time.Second // a client that was silent for so long makes room
)

var (
	errEvicted    = errors.New("made room for another client")
	errSuperseded = errors.New("the client has made another request")
)

// session is a transfer as the server sees it.
type session struct {
	transfer sender
	ready    atomic.Bool // transfer has its socket
	request  ReadReq
	local    netip.Addr // to respond from; the zero Addr if it is not known
	started  time.Time
	place    *list.Element // in Server.waiting; nil if it is not there
	cancel   context.CancelCauseFunc
}

// handle deals with one datagram at the listening port. Packets other than requests are
// ignored, since two servers could respond to each other forever.
func (s *Server) handle(l RequestConn, b []byte, client netip.AddrPort, local netip.Addr) {
	op := opCode(b)
	if op != OpRRQ && op != OpWRQ || client.Port() == 0 {
		return
	}
	if s.Trace != nil {
		s.Trace(false, client, b)
	}
	b[1] = byte(OpRRQ) // a WRQ has the same form, and its file name is logged
	var q ReadReq
	var refusal *Err
	switch err := q.UnmarshalBinary(b); {
	case op == OpWRQ:
		refusal = &Err{ErrIllegalOp, "this server is read-only"}
	case err != nil:
		refusal = &Err{ErrIllegalOp, strings.TrimPrefix(err.Error(), ErrMalformed.Error()+": ")}
	case !strings.EqualFold(q.Mode, "octet"):
		refusal = &Err{ErrIllegalOp, fmt.Sprintf("mode %.20q: this server is octet-only", q.Mode)}
	default:
		if limit := s.admit(q, client, local); limit > 0 {
			s.log(slog.LevelWarn, "no room for more transfers: requests get no response", "transfers", limit)
		}
		return
	}
	if packet, err := refusal.MarshalBinary(); err == nil {
		l.Reply(packet, client, local) // if it is lost, the client retransmits
		if s.Trace != nil {
			s.Trace(true, client, packet)
		}
	}
	s.log(slog.LevelWarn, "refused", "client", client, "file", q.Filename, "code", int(refusal.Code), "reason", refusal.Message)
}

// admit starts a session, which is known by its client and request. The same request is a
// duplicate until the first ACK, and then while the client is heard. Any other one means that the client is done with the
// old transfer: it was restarted, or has one port for all its files. If there is no room,
// admit returns the limit, to be logged now and then.
func (s *Server) admit(q ReadReq, client netip.AddrPort, local netip.Addr) (limit int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if s.closed {
		return 0
	}
	old := s.sessions[client]
	if old != nil {
		t := &old.transfer
		switch same := q.Filename == old.request.Filename && slices.Equal(q.Options, old.request.Options); {
		case !same:
			old.cancel(errSuperseded)
		case !t.state.flowing.Load(), now.UnixNano() <= t.state.silent.Load():
			if old.ready.Load() {
				t.state.again.Store(&q)
				t.conn.wake() // to look whether it has just ended, or retransmit
			}
			return 0
		default:
			// The client was restarted, or was not heard: its first ACK will tell.
			t.state.passive.Store(true)
		}
		s.forget(old)
	}
	limit = cmp.Or(s.MaxTransfers, 4096)
	full := len(s.sessions) >= max(64, limit*3/4) && !s.crowd.repeats(client, q.Filename, now) ||
		s.running >= 2*limit || // some end late if the disk hangs
		len(s.sessions) >= limit && !s.evict(now)
	switch {
	case !full:
		s.start(q, client, local, old)
	case now.Sub(s.refused) > 10*time.Second:
		s.refused = now
		return limit
	}
	return 0
}

// crowd tells requests that are repeated from forged ones, which seldom are: it is a Bloom
// filter of those that got no response in the last 10 to 20 s.
type crowd struct {
	seed      maphash.Seed
	now, then []uint64
	turned    time.Time
}

const crowdBits = 1 << 23 // 1 MiB, for some 25,000 requests a second

// repeats notes a request, and reports whether it was noted before.
func (c *crowd) repeats(client netip.AddrPort, name string, now time.Time) bool {
	if now.Sub(c.turned) > 10*time.Second {
		if c.now == nil {
			c.seed = maphash.MakeSeed()
		}
		c.then, c.now, c.turned = c.now, make([]uint64, crowdBits/64), now
	}
	hash := maphash.Comparable(c.seed, struct {
		client netip.AddrPort
		name   string
	}{client, name})
	inNow, inThen := true, c.then != nil
	for range 2 { // two bits for each request
		word, mask := hash%crowdBits/64, uint64(1)<<(hash%64)
		inNow, inThen = inNow && c.now[word]&mask != 0, inThen && c.then[word]&mask != 0
		c.now[word] |= mask
		hash >>= 32
	}
	return inNow || inThen
}

// evict ends a session to make room: the oldest one that was never acknowledged, as after
// a forged request, or else one whose client is gone. A session that is younger than its
// client may need is not ended. mu is held.
func (s *Server) evict(now time.Time) bool {
	for place := s.waiting.Front(); place != nil; place = s.waiting.Front() {
		c := place.Value.(*session)
		if !c.transfer.state.flowing.Load() {
			if now.Sub(c.started) < needed {
				break
			}
			s.drop(c, errEvicted)
			return true
		}
		s.waiting.Remove(place)
		c.place = nil
	}
	if now.Before(s.searched.Add(time.Second)) {
		return false
	}
	s.searched = now
	for _, c := range s.sessions {
		if now.UnixNano() > c.transfer.state.silent.Load()+gone.Nanoseconds() {
			s.drop(c, errEvicted)
			s.searched = time.Time{} // there may be more
			return true
		}
	}
	return false
}

// drop ends a session and forgets it. mu is held.
func (s *Server) drop(c *session, cause error) {
	c.cancel(cause)
	s.forget(c)
}

// forget takes a session out of the lists; it may go on. mu is held.
func (s *Server) forget(c *session) {
	if s.sessions[c.transfer.client] == c {
		delete(s.sessions, c.transfer.client)
	}
	if c.place != nil {
		s.waiting.Remove(c.place)
		c.place = nil
	}
}

// start runs a session in a goroutine of its own. Its first ACK ends the old one, if there
// is one. mu is held.
func (s *Server) start(q ReadReq, client netip.AddrPort, local netip.Addr, old *session) {
	ctx, cancel := context.WithCancelCause(context.Background())
	c := &session{request: q, local: local, started: time.Now(), cancel: cancel}
	c.transfer.client = client
	c.transfer.begun = func() {
		if old != nil {
			old.cancel(errSuperseded)
		}
	}
	c.transfer.state.silent.Store(c.started.Add(time.Second).UnixNano())
	c.place = s.waiting.PushBack(c)
	s.sessions[client] = c
	s.running++
	s.sessionsEnd.Go(func() { s.run(ctx, c) })
}

// run responds to one request from a port of its own and logs how that went.
func (s *Server) run(ctx context.Context, c *session) {
	start, t := time.Now(), &c.transfer
	err := s.send(ctx, c)
	outcome, level := "done", slog.LevelInfo
	if err != nil {
		outcome = err.Error()
		probe := t.blocks == 0 && errors.As(err, new(*Err)) // of the size, or of a name
		if !probe && err != errNoLastAck && !errors.Is(err, ErrNotFound) {
			level = slog.LevelWarn
		}
	}
	s.mu.Lock()
	current := s.sessions[t.client] == c
	s.drop(c, nil)
	if again := t.state.again.Load(); again != nil && current && !s.closed {
		s.start(*again, t.client, c.local, nil)
	}
	s.running--
	s.mu.Unlock()
	s.log(level, "transfer", "client", t.client, "file", c.request.Filename, "bytes", t.bytes,
		"blocks", t.blocks, "blksize", t.terms.blockSize, "windowsize", t.terms.windowSize,
		"resent", t.resent, "rtt", t.timer.smoothed, "duration", time.Since(start), "outcome", outcome)
}

// send opens the socket and the file, agrees on the options and sends the file.
func (s *Server) send(ctx context.Context, c *session) error {
	t := &c.transfer
	socket, err := s.listen(t.client, c.local)
	if err != nil {
		return fmt.Errorf("no socket for the transfer: %w", err) // the client will retry
	}
	defer socket.Close()
	t.conn, t.terms = newConn(socket, s.Trace), plainTerms
	c.ready.Store(true)

	file, size, err := openFile(s.Root, s.FS, s.Payload, c.request.Filename)
	if err != nil {
		if refusal, ok := errors.AsType[*Err](err); ok { // otherwise the client will retry
			t.conn.sendErr(refusal.Code, refusal.Message, t.client)
		}
		return err
	}
	defer file.Close()

	var granted []Option
	var oack []byte
	granted, t.terms = grant(c.request.Options, size, s.limits(), s.Refuse)
	if len(granted) > 0 {
		if oack, err = (&OptionAck{granted}).MarshalBinary(); err != nil {
			return err
		}
	}
	patience := max(cmp.Or(s.Patience, 30*time.Second), min(6*t.terms.timeout, 2*time.Minute))
	wait := min(cmp.Or(t.terms.timeout, s.Timeout, time.Second), patience/3)
	t.timer = timer{
		wait: wait, margin: 2 * minWait, // a client that retransmits comes first
		ceiling:  cmp.Or(t.terms.timeout, max(wait, maxWait)),
		patience: patience,
	}
	t.file = file
	err = t.run(ctx, oack)
	switch {
	case err == nil, err == errNoLastAck, err == errEvicted, err == errSuperseded, errors.Is(err, net.ErrClosed):
	case errors.As(err, new(*Err)):
		return fmt.Errorf("ended by the client: %w", err)
	case err == ErrServerClosed:
		t.conn.sendErr(ErrUnknown, "the server is shutting down", t.client)
	case err == errNoAck:
		t.conn.sendErr(ErrUnknown, "no acknowledgment came", t.client)
	default:
		t.conn.sendErr(ErrUnknown, "the file cannot be read to its end", t.client)
	}
	return err
}

// listen opens the socket of a transfer.
func (s *Server) listen(client netip.AddrPort, local netip.Addr) (net.PacketConn, error) {
	listen, network, host := s.ListenPacket, "udp4", ""
	if listen == nil {
		listen = net.ListenPacket
	}
	if client.Addr().Is6() {
		network = "udp6"
	}
	if local.IsValid() {
		host = local.String()
	}
	return listen(network, net.JoinHostPort(host, "0"))
}
