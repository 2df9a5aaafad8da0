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
	"time"
)

// Copy with: types.go, request.go, options.go, download.go, link.go, lockstep_linux.go, lockstep_other.go, offload_linux.go, offload_other.go.

// Client fetches files over TFTP (RFC 1350) in octet mode. It asks for the options
// blksize, tsize and windowsize (RFC 2348, 2349, 7440), and works with servers that know
// none of them. The zero value is ready to use; a Client is safe for concurrent use.
//
// TFTP neither encrypts nor authenticates: anybody on the way can change the file. Verify
// a checksum that came by another way, or use HTTPS.
type Client struct {
	// BlockSize is the blksize to ask for, 8 to 65464 bytes. 0 means 1428, which fits a
	// packet of Ethernet's 1,500 bytes with room for a tunnel; 512 does without the option.
	BlockSize int

	// WindowSize is the windowsize to ask for, 1 to 32767 blocks. 0 means 64; 1 does
	// without the option. It is lowered where the system grants no receive buffer for it.
	WindowSize int

	// Timeout is the wait before the last packet is sent again, which doubles up to 8 s
	// each time that it passes. 0 or less means 1 s.
	Timeout time.Duration

	// Retries is how often in a row a packet is sent again before the server is given up.
	// 0 means 5, a negative number none.
	Retries int

	// Progress, where it is set, is called after each read that brought blocks, with the
	// bytes received and the file's size, -1 where the server has not told it. It delays the
	// transfer for as long as it runs.
	Progress func(received, size int64)

	// ListenPacket opens the socket. Nil means net.ListenPacket.
	ListenPacket func(network, address string) (net.PacketConn, error)
}

// Get fetches the file name from the server at addr, as "192.0.2.1:69", into w, and
// returns how many bytes it wrote there.
//
// A server's refusal is an *Err, to be found by errors.As; errors.Is tells ErrNotFound or
// fs.ErrNotExist. A server that stays silent is an error that matches
// os.ErrDeadlineExceeded; a file that ends before its announced size matches
// io.ErrUnexpectedEOF; packets that break the protocol match ErrMalformed. When ctx ends,
// Get returns its cause at once and tells the server. After an error w holds the
// beginning of the file. Get starts no goroutine that outlives it, and leaves w open.
func (c *Client) Get(ctx context.Context, addr, name string, w io.Writer) (int64, error) {
	n, err := c.get(ctx, addr, name, w, true)
	if end, ok := errors.AsType[*Err](err); ok && end.Code == ErrOptions && n == 0 {
		return c.get(ctx, addr, name, w, false) // RFC 2347 section 4 allows to ask again without
	}
	return n, err
}

func (c *Client) get(ctx context.Context, addr, name string, w io.Writer, options bool) (int64, error) {
	server, err := resolve(ctx, addr)
	if ctx.Err() != nil {
		err = context.Cause(ctx) // nothing is sent in vain, and a cut look-up is no failed one
	}
	if err != nil {
		return 0, fmt.Errorf("tftp: %s from %s: %w", name, addr, err)
	}
	request := &ReadReq{Filename: name}
	asked := &terms{blockSize: cmp.Or(c.BlockSize, 1428), windowSize: cmp.Or(c.WindowSize, 64), size: -1}
	switch {
	case asked.blockSize < 8 || asked.blockSize > MaxBlockSize:
		return 0, fmt.Errorf("tftp: block size %d, want 8 to %d", asked.blockSize, MaxBlockSize)
	case asked.windowSize < 1 || asked.windowSize > 32767:
		return 0, fmt.Errorf("tftp: window size %d, want 1 to 32767", asked.windowSize)
	}
	listen, network := c.ListenPacket, "udp4"
	if listen == nil {
		listen = net.ListenPacket
	}
	if server.Addr().Is6() {
		network = "udp6"
	}
	conn, err := listen(network, ":0")
	if err != nil {
		return 0, fmt.Errorf("tftp: %w", err)
	}
	defer conn.Close()
	link := newLink(conn, cmp.Or(max(0, c.Timeout), time.Second), max(0, cmp.Or(c.Retries, 5)))
	// A window that the socket cannot hold loses its end, and with it a second. What a
	// datagram takes there is up to twice its size, and then some.
	each := 2*asked.blockSize + 1024
	asked.windowSize = max(1, min(asked.windowSize, link.receiveBuffer(asked.windowSize*each)/each))
	if options {
		request.Options = asked.options()
	}
	packet, err := request.MarshalBinary()
	if err != nil && options { // a long name may leave no room for them
		request.Options = nil
		packet, err = request.MarshalBinary()
	}
	if err != nil {
		return 0, err
	}
	d := &download{
		link:     link,
		terms:    plainTerms,
		request:  request,
		asked:    server,
		out:      bufio.NewWriterSize(w, 64<<10),
		expected: 1,
		progress: c.Progress,
	}
	size := 4 + max(asked.blockSize, BlockSize) + 1 // one more byte shows a block that is too long
	if asked.windowSize > 1 {
		size = d.joinReads(size)
	}
	err = d.run(ctx, packet, make([]byte, size))
	if err != nil {
		err = fmt.Errorf("tftp: %s from %s: %w", name, addr, err)
		d.out.Flush() // what came is the caller's; its error would hide the first one
	}
	return d.received - int64(d.out.Buffered()), err
}

// options returns what to ask for: what is the same without an option is not asked for.
func (t *terms) options() []Option {
	options := []Option{{optionTransferSize, "0"}}
	if t.blockSize != BlockSize {
		options = append(options, Option{optionBlockSize, strconv.Itoa(t.blockSize)})
	}
	if t.windowSize != 1 {
		options = append(options, Option{optionWindowSize, strconv.Itoa(t.windowSize)})
	}
	return options
}

// resolve looks the server up, as net.ResolveUDPAddr does, but stops when ctx ends.
func resolve(ctx context.Context, addr string) (netip.AddrPort, error) {
	host, service, err := net.SplitHostPort(addr)
	if err != nil {
		return netip.AddrPort{}, err
	}
	port, err := net.DefaultResolver.LookupPort(ctx, "udp", service)
	if err != nil {
		return netip.AddrPort{}, err
	}
	if port == 0 {
		return netip.AddrPort{}, errors.New("no server has port 0")
	}
	host = cmp.Or(host, "localhost")                        // as net.Dial
	ips, err := net.DefaultResolver.LookupIPAddr(ctx, host) // keeps zones, unlike LookupNetIP
	if err != nil {
		return netip.AddrPort{}, err
	}
	found := ips[0]
	if i := slices.IndexFunc(ips, func(ip net.IPAddr) bool { return ip.IP.To4() != nil }); i >= 0 {
		found = ips[i] // as net.ResolveUDPAddr: most TFTP servers have IPv4 only
	}
	ip, _ := netip.AddrFromSlice(found.IP) // of 4 or 16 bytes
	switch ip = ip.Unmap().WithZone(found.Zone); ip {
	case netip.IPv4Unspecified():
		ip = netip.AddrFrom4([4]byte{127, 0, 0, 1}) // this machine; nobody answers from 0.0.0.0
	case netip.IPv6Unspecified():
		ip = netip.IPv6Loopback()
	}
	return netip.AddrPortFrom(ip, uint16(port)), nil
}
