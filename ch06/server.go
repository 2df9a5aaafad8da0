package ch06

import (
	"cmp"
	"container/list"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"
)

// Copy with: packets.go, options.go, conn.go, send.go, files.go, sessions.go.

// ErrServerClosed is what Serve and ListenAndServe return after Shutdown or Close.
var ErrServerClosed = errors.New("tftp: server closed")

// Server serves files over TFTP (RFC 1350), read-only and in octet mode, with the options
// blksize (RFC 2348), timeout and tsize (RFC 2349) and windowsize (RFC 7440).
//
// Set one of Root, FS and Payload; other fields may stay zero. Fields must not change once
// the server runs; the methods are safe for concurrent use. TFTP neither encrypts nor
// authenticates: any host that reaches the port can read every file, so use it in networks
// of your own, for what is not secret, and HTTPS or SFTP elsewhere.
type Server struct {
	Root    *os.Root // the folder to serve; links that lead out of it are refused
	FS      fs.FS    // or other files, as an embed.FS
	Payload []byte   // or these bytes, under every name

	// Timeout is the wait before the first retransmission, until a round trip was measured
	// and unless the client asks for another one. 0 means 1 s.
	Timeout time.Duration

	// Patience is how long a client may make no progress. 0 means 30 s. A client that asks
	// for a long timeout gets six times that, at most 2 minutes.
	Patience time.Duration

	// MaxBlockSize is the largest blksize that is granted, 512 to 65464 bytes. 0 means 65464.
	MaxBlockSize int

	// MaxWindowSize is the largest windowsize that is granted, 1 to 65535 blocks. 0 means
	// 64. Of blocks above 1,536 bytes fewer are granted, so a window takes at most 96 KiB,
	// or one block: each transfer keeps one in memory, and so must the client.
	MaxWindowSize int

	// MaxTransfers bounds the transfers at one time. 0 means 4096. A request beyond it gets
	// no response, and its client retries, unless a transfer whose client seems to be gone,
	// or that was never acknowledged as after a forged request, makes room. Beyond three
	// quarters of the limit only a request that is repeated gets a response.
	MaxTransfers int

	// Refuse names options to leave out, for clients that mishandle them.
	Refuse []string

	// Logger gets a line for each transfer that ends and each request that is refused. Both
	// wait until it is written: if its reader may stall, put a queue between, as tftpd
	// does (tftpd/log.go). Nil is silent.
	Logger *slog.Logger

	// ListenPacket opens the socket of a transfer, which may be a BlockConn. Nil means
	// net.ListenPacket.
	ListenPacket func(network, address string) (net.PacketConn, error)

	// Trace, if set, sees each packet.
	Trace TraceFunc

	mu        sync.Mutex // guards what follows
	closed    bool
	listeners map[net.PacketConn]bool
	sessions  map[netip.AddrPort]*session // by client
	waiting   list.List                   // of sessions, oldest first, without some that flow
	searched  time.Time                   // when no session was found whose client is gone
	refused   time.Time                   // when it was last logged that there is no room
	crowd     crowd                       // requests that found none
	running   int                         // sessions, also those that were told to end

	sessionsEnd sync.WaitGroup
}

// A RequestConn is the listening socket of a host with several addresses. Serve uses it if
// its conn is one: a client drops a response that comes from another address than the one
// that it asked, RFC 1122 section 4.1.3.5.
type RequestConn interface {
	net.PacketConn

	// ReadRequest also returns the local address that the request was sent to, or the zero
	// Addr if it is not known.
	ReadRequest(b []byte) (n int, from netip.AddrPort, local netip.Addr, err error)

	// Reply sends b from the address local.
	Reply(b []byte, to netip.AddrPort, local netip.Addr) error
}

// ListenAndServe listens on addr, as "127.0.0.1:6969", and calls Serve.
func (s *Server) ListenAndServe(addr string) error {
	conn, err := net.ListenPacket("udp", addr)
	if err != nil {
		return fmt.Errorf("tftp: %w", err)
	}
	return s.Serve(conn)
}

// Serve responds to the requests that arrive on conn, each from a port of its own, until
// the server is closed. It closes conn. The error is never nil: ErrServerClosed after
// Shutdown or Close, otherwise why conn can no longer be read.
func (s *Server) Serve(conn net.PacketConn) error {
	defer conn.Close()
	if s.Root == nil && s.FS == nil && s.Payload == nil {
		return errors.New("tftp: the server has no Root, FS or Payload to serve")
	}
	if !s.opened(conn) {
		return ErrServerClosed
	}
	l := newListener(conn)
	b := make([]byte, 64<<10) // some systems report a longer datagram as an error
	for failures := 0; ; {
		n, from, local, err := l.ReadRequest(b)
		if err == nil {
			failures = 0
			s.handle(l, b[:n], netip.AddrPortFrom(from.Addr().Unmap(), from.Port()), local)
			continue
		}
		if s.isClosed() {
			return ErrServerClosed
		}
		if failures++; failures > 100 || errors.Is(err, net.ErrClosed) {
			return fmt.Errorf("tftp: %w", err)
		}
		time.Sleep(min(time.Millisecond<<min(failures, 10), time.Second)) // for one that passes
	}
}

// Shutdown stops taking requests and waits for the transfers to end. If ctx ends first it
// returns ctx's cause, and transfers go on: Close ends them. Serve returns at once: before
// the program exits it must wait for Shutdown, or transfers are cut and clients time out.
func (s *Server) Shutdown(ctx context.Context) error {
	s.close(nil)
	idle := make(chan struct{})
	go func() {
		s.sessionsEnd.Wait()
		close(idle)
	}()
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Close stops taking requests, ends all transfers with an ERROR to their clients, and waits
// until their sockets and files are closed.
func (s *Server) Close() error {
	s.close(ErrServerClosed)
	s.sessionsEnd.Wait()
	return nil
}

// close closes the listening sockets and, if cause is not nil, ends the sessions.
func (s *Server) close(cause error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for conn := range s.listeners {
		conn.Close()
	}
	clear(s.listeners)
	if cause != nil {
		for _, c := range s.sessions {
			c.cancel(cause)
		}
	}
}

func (s *Server) isClosed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}

// opened notes conn for close. It reports false if the server is closed.
func (s *Server) opened(conn net.PacketConn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	if s.listeners == nil {
		s.listeners = make(map[net.PacketConn]bool)
		s.sessions = make(map[netip.AddrPort]*session)
	}
	s.listeners[conn] = true
	return true
}

// plainListener makes a RequestConn of any net.PacketConn. The local address of each request
// is the one that the conn is bound to.
type plainListener struct {
	net.PacketConn
	local netip.Addr // the zero Addr if it is bound to all
}

func newListener(conn net.PacketConn) RequestConn {
	if l, ok := conn.(RequestConn); ok {
		return l
	}
	l := plainListener{PacketConn: conn}
	if bound := addrPort(conn.LocalAddr()).Addr(); !bound.IsUnspecified() {
		l.local = bound.Unmap()
	}
	return l
}

func (l plainListener) ReadRequest(b []byte) (int, netip.AddrPort, netip.Addr, error) {
	n, from, err := l.ReadFrom(b)
	return n, addrPort(from), l.local, err
}

func (l plainListener) Reply(b []byte, to netip.AddrPort, _ netip.Addr) error {
	_, err := l.WriteTo(b, net.UDPAddrFromAddrPort(to))
	return err
}

func (s *Server) log(level slog.Level, message string, args ...any) {
	if s.Logger != nil {
		s.Logger.Log(context.Background(), level, message, args...)
	}
}

// limits returns the largest sizes to grant.
func (s *Server) limits() terms {
	return terms{
		blockSize:  max(BlockSize, min(cmp.Or(s.MaxBlockSize, MaxBlockSize), MaxBlockSize)),
		windowSize: max(1, min(cmp.Or(s.MaxWindowSize, 64), 65535)),
	}
}
