package ch06

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Copy with: packets.go, options.go, conn.go, receive.go.

// Client fetches files over TFTP (RFC 1350) in octet mode. It asks for the options
// blksize, tsize and windowsize (RFC 2348, 2349, 7440), and works with servers that know
// none of them. The zero value is ready to use; a Client is safe for concurrent use.
//
// TFTP neither encrypts nor authenticates: anybody on the path can change the file. Verify
// a checksum that came by another way, or use HTTPS.
type Client struct {
	// BlockSize is the blksize to ask for, 8 to 65464 bytes. 0 means 1428, which fits a
	// packet of Ethernet's 1,500 bytes with room for a tunnel; 512 needs no option.
	BlockSize int

	// WindowSize is the windowsize to ask for, 1 to 32767 blocks. 0 means 64; 1 needs no
	// option. The socket's receive buffer must hold a window, or its end is lost each time.
	WindowSize int

	// NoOptions sends requests without options, for servers that mishandle them.
	NoOptions bool

	// Timeout is the wait before the first retransmission, until a round trip was measured.
	// 0 means 1 s.
	Timeout time.Duration

	// Patience is how long a server may make no progress. 0 means 30 s.
	Patience time.Duration

	// Progress, if set, is called after each read that brought blocks, with the bytes
	// received and the file's size, or -1 if that is not known. It delays the transfer.
	Progress func(received, size int64)

	// ListenPacket opens the socket, which may be a BlockConn. Nil means net.ListenPacket.
	ListenPacket func(network, address string) (net.PacketConn, error)

	// Trace, if set, sees each packet.
	Trace TraceFunc

	lingering sync.WaitGroup
}

// Get fetches the file name from the server at addr, as "192.0.2.1:69" or without the
// port, and writes it to w. It returns the number of bytes written; after an error they
// are the beginning of the file.
//
// A refusal by the server is an *Err, to be found by errors.As, and errors.Is finds its
// code, ErrNotFound or fs.ErrNotExist. A silent server is os.ErrDeadlineExceeded, a file
// shorter than announced io.ErrUnexpectedEOF, a violation of the protocol ErrMalformed.
// When ctx ends, Get ends the transfer and returns ctx's cause.
func (c *Client) Get(ctx context.Context, addr, name string, w io.Writer) (int64, error) {
	n, err := c.get(ctx, addr, name, w, !c.NoOptions)
	if end, ok := errors.AsType[*Err](err); ok && n == 0 && !c.NoOptions {
		switch end.Code {
		case ErrUnknown, ErrIllegalOp, ErrOptions: // servers that cannot do without them are rare
			n, err = c.get(ctx, addr, name, w, false)
		}
	}
	if err != nil {
		err = fmt.Errorf("tftp: %s from %s: %w", name, addr, err)
	}
	return n, err
}

// Wait waits for the sockets of transfers that have ended: for a moment, at most a second,
// each acknowledges the last block again if the server repeats it. A program that exits at
// once may leave the server without the last ACK.
func (c *Client) Wait() { c.lingering.Wait() }

func (c *Client) get(ctx context.Context, addr, name string, w io.Writer, options bool) (n int64, err error) {
	asked := terms{blockSize: cmp.Or(c.BlockSize, 1428), windowSize: cmp.Or(c.WindowSize, 64)}
	switch {
	case asked.blockSize < 8 || asked.blockSize > MaxBlockSize:
		return 0, fmt.Errorf("block size %d, want 8 to %d", asked.blockSize, MaxBlockSize)
	case asked.windowSize < 1 || asked.windowSize > 32767:
		return 0, fmt.Errorf("window size %d, want 1 to 32767", asked.windowSize)
	}
	request, asked, err := newRequest(name, asked, options)
	if err != nil {
		return 0, err
	}
	server, err := resolve(ctx, addr)
	if ctx.Err() != nil {
		return 0, context.Cause(ctx) // a look-up that was cut short did not fail
	}
	if err != nil {
		return 0, err
	}
	socket, err := c.listen(server, asked)
	if err != nil {
		return 0, err
	}
	timeout := cmp.Or(c.Timeout, time.Second)
	r := &receiver{
		conn:    newConn(socket, c.Trace),
		timer:   timer{wait: timeout, margin: minWait, ceiling: max(timeout, maxWait), patience: cmp.Or(c.Patience, 30*time.Second)},
		request: request, asked: asked, address: server, resend: 2 * timeout,
		out: bufio.NewWriterSize(w, 64<<10), progress: c.Progress,
	}
	size := 4 + max(asked.blockSize, BlockSize) + 1 // one more byte shows a block that is too long
	if asked.windowSize > 1 {
		size = max(size, 64<<10) // what a BlockConn joins
	}
	b := make([]byte, size)
	if err = r.run(ctx, b); err != nil {
		r.out.Flush() // its error would hide the first one
		socket.Close()
		return r.received - int64(r.out.Buffered()), err
	}
	c.lingering.Go(func() {
		defer socket.Close()
		r.linger(b)
	})
	return r.received, nil
}

// newRequest returns the RRQ, and what it asks for: a long name leaves no room for options.
func newRequest(name string, asked terms, options bool) ([]byte, terms, error) {
	plain := &ReadReq{Filename: name}
	if options {
		q := &ReadReq{Filename: name, Options: []Option{{optionTransferSize, "0"}}}
		if asked.blockSize != BlockSize {
			q.Options = append(q.Options, Option{optionBlockSize, strconv.Itoa(asked.blockSize)})
		}
		if asked.windowSize != 1 {
			q.Options = append(q.Options, Option{optionWindowSize, strconv.Itoa(asked.windowSize)})
		}
		if b, err := q.MarshalBinary(); err == nil {
			return b, asked, nil
		}
	}
	b, err := plain.MarshalBinary()
	return b, plainTerms, err
}

// listen opens the socket, with a receive buffer that holds a window if the system grants
// that. A datagram takes up to twice its size there, and then some.
func (c *Client) listen(server netip.AddrPort, asked terms) (net.PacketConn, error) {
	listen, network := c.ListenPacket, "udp4"
	if listen == nil {
		listen = net.ListenPacket
	}
	if server.Addr().Is6() {
		network = "udp6"
	}
	socket, err := listen(network, ":0")
	if err != nil {
		return nil, err
	}
	if s, ok := socket.(interface{ SetReadBuffer(int) error }); ok && asked.windowSize > 1 {
		s.SetReadBuffer(min(asked.windowSize*(2*asked.blockSize+1024), 4<<20)) // what it cannot hold is retransmitted
	}
	return socket, nil
}

// resolve looks the server up as net.ResolveUDPAddr does, but stops when ctx ends.
func resolve(ctx context.Context, addr string) (netip.AddrPort, error) {
	host, service, err := net.SplitHostPort(addr)
	if err != nil { // without a port
		host, service = strings.TrimSuffix(strings.TrimPrefix(addr, "["), "]"), "69"
	}
	port, err := net.DefaultResolver.LookupPort(ctx, "udp", service)
	if err == nil && port == 0 {
		err = errors.New("port 0, want 1 to 65535")
	}
	if err != nil {
		return netip.AddrPort{}, err
	}
	ips, err := net.DefaultResolver.LookupIPAddr(ctx, cmp.Or(host, "localhost"))
	if err != nil {
		return netip.AddrPort{}, err
	}
	found := ips[0]
	if i := slices.IndexFunc(ips, func(ip net.IPAddr) bool { return ip.IP.To4() != nil }); i >= 0 {
		found = ips[i] // most TFTP servers have IPv4 only
	}
	ip, _ := netip.AddrFromSlice(found.IP) // of 4 or 16 bytes
	switch ip = ip.Unmap().WithZone(found.Zone); ip {
	case netip.IPv4Unspecified():
		ip = netip.AddrFrom4([4]byte{127, 0, 0, 1}) // this machine, which does not respond from 0.0.0.0
	case netip.IPv6Unspecified():
		ip = netip.IPv6Loopback()
	}
	return netip.AddrPortFrom(ip, uint16(port)), nil
}
