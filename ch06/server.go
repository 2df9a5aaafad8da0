package ch06

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// Copy with: types.go, request.go, options.go, sessions.go, files.go, transfer.go, link.go, lockstep_linux.go, lockstep_other.go, offload_linux.go, offload_other.go, arrival_linux.go, arrival_other.go.

// ErrServerClosed is what Serve and ListenAndServe return after Shutdown or Close.
var ErrServerClosed = errors.New("tftp: server closed")

// Server serves files over TFTP (RFC 1350), read-only and in octet mode, with the options
// blksize (RFC 2348), timeout and tsize (RFC 2349) and windowsize (RFC 7440).
//
// The zero value needs FS or Payload and nothing else. Fields must not be changed once
// the server runs; the methods are safe for concurrent use. TFTP neither encrypts nor
// authenticates: whoever reaches the port reads every file, so use it in networks of your
// own, for what has no secrets, and HTTPS or SFTP elsewhere.
type Server struct {
	// FS holds the files. Take os.Root's FS method for a folder: unlike os.DirFS, it
	// follows no symbolic link that leads out of it.
	FS fs.FS

	// Payload is served under every name, where FS is nil.
	Payload []byte

	// Retries is how often in a row a block is sent again before the client is given up.
	// 0 means 5, a negative number none.
	Retries int

	// Timeout is the wait before a block is sent again, which doubles up to 8 s each time
	// that it passes. A client's timeout option takes its place. 0 means 1 s.
	Timeout time.Duration

	// MaxBlockSize is the largest blksize that is granted, 512 to 65464 bytes. 0 means 65464.
	MaxBlockSize int

	// MaxWindowSize is the largest windowsize that is granted, 1 to 65535 blocks. 0 means
	// 64. A transfer keeps blksize times windowsize in memory.
	MaxWindowSize int

	// MaxTransfers bounds the transfers at one time. A request beyond it is refused, unless
	// many transfers have never been acknowledged, half of them all or at least 64 (but
	// never less than 16), as in a flood of forged requests: then the oldest of those
	// makes room, so that honest clients get in. 0 or less means 512.
	MaxTransfers int

	// Logger gets a line for each transfer that ends and each request refused. Nil is silent.
	Logger *slog.Logger

	// ListenPacket opens the socket of a transfer. Nil means net.ListenPacket.
	ListenPacket func(network, address string) (net.PacketConn, error)

	mu        sync.Mutex // guards what follows
	closed    bool
	listeners map[net.PacketConn]bool
	sessions  map[netip.AddrPort]*session // by client
	started   uint64                      // sessions, ever
	running   atomic.Int32                // their goroutines, now; changed with mu held
	idle      chan struct{}               // made when closed is set; closed when running is 0
}

// ListenAndServe listens on addr, as "127.0.0.1:6969", and calls Serve.
func (s *Server) ListenAndServe(addr string) error {
	conn, err := net.ListenPacket("udp", addr)
	if err != nil {
		return fmt.Errorf("tftp: %w", err)
	}
	return s.Serve(conn)
}

// Serve answers the requests that arrive on conn, each from a port of its own, until the
// server is closed. It closes conn. The error is never nil: ErrServerClosed after
// Shutdown or Close, otherwise why conn can no longer be read.
func (s *Server) Serve(conn net.PacketConn) error {
	defer conn.Close()
	if s.FS == nil && s.Payload == nil {
		return errors.New("tftp: the server has neither FS nor Payload to serve")
	}
	if !s.begin(conn) {
		return ErrServerClosed
	}
	defer s.end(conn)

	d, ok := conn.(datagramConn)
	if !ok {
		d = packetConn{conn}
	}
	// Where a request finds no room, its client asks again only after seconds. The system
	// may grant less than room for thousands.
	(&offload{conn: d}).receiveBuffer(4 << 20)
	port := newArrival(d)
	bound, _ := netip.ParseAddrPort(conn.LocalAddr().String()) // the zero Addr is none
	b := make([]byte, 64<<10)                                  // what is longer than its buffer is an error on Windows
	for failures := 0; ; {
		n, from, local, err := port.read(b)
		if err == nil {
			failures = 0
			from = netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
			if !local.IsValid() && !bound.Addr().IsUnspecified() {
				local = bound.Addr().Unmap()
			}
			s.arrived(port, b[:n], from, local)
			continue
		}
		switch {
		case s.isClosed():
			return ErrServerClosed
		case errors.Is(err, net.ErrClosed) || failures == 100:
			return fmt.Errorf("tftp: %w", err)
		}
		// Windows tells here that an earlier answer was not wanted. That any stranger can
		// cause is no reason to end.
		failures++
		time.Sleep(min(time.Millisecond<<min(failures, 10), time.Second))
	}
}

// Shutdown stops taking requests and waits for the transfers to end. When ctx ends first
// it returns ctx's cause, and transfers go on: Close ends them.
func (s *Server) Shutdown(ctx context.Context) error {
	idle := s.stop()
	select {
	case <-idle: // even if ctx has ended too
		return nil
	default:
	}
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Close stops taking requests, ends all transfers, telling their clients so, and waits
// until their sockets and files are closed.
func (s *Server) Close() error {
	idle := s.stop()
	s.mu.Lock()
	for _, current := range s.sessions {
		current.cancel(ErrServerClosed)
	}
	s.mu.Unlock()
	<-idle
	return nil
}

// stop closes the listening sockets and returns what is closed after the last transfer.
func (s *Server) stop() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.closed = true
		s.idle = make(chan struct{})
		if s.running.Load() == 0 {
			close(s.idle)
		}
		for conn := range s.listeners {
			conn.Close()
		}
	}
	return s.idle
}

func (s *Server) isClosed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}

// begin notes conn for stop to close. It reports false where stop has been.
func (s *Server) begin(conn net.PacketConn) bool {
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

func (s *Server) end(conn net.PacketConn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.listeners, conn)
}

func (s *Server) log(level slog.Level, message string, args ...any) {
	if s.Logger != nil {
		s.Logger.Log(context.Background(), level, message, args...)
	}
}

// orDefault returns n, or fallback where n is 0.
func orDefault[T int | time.Duration](n, fallback T) T {
	if n == 0 {
		return fallback
	}
	return n
}
