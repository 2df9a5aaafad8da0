package ch05_test

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"network-programming-with-go/ch05"
)

// With "don't fragment" set, the kernel refuses what does not fit the link.
func TestMTULoopback(t *testing.T) {
	lo := mtuLoopback(t)
	mtuCheck(t, lo.MTU)
}

// A link of 1,500 bytes, like Ethernet, carries 1,472 over IPv4. The test makes one: a
// process in its own network namespace may set the MTU of the loopback interface.
func TestMTUEthernet(t *testing.T) {
	if os.Getenv("CH05_MTU_CHILD") == "1" {
		for _, mtu := range []int{1500, 1492, 1280} {
			mtuSetLoopback(t, mtu)
			mtuCheck(t, mtu)
		}
		mtuSetLoopback(t, 1500)
		mtuFragments(t, 1473)
		fmt.Println("the child has finished")
		return
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestMTUEthernet$",
		"-test.v")
	cmd.Env = append(os.Environ(), "CH05_MTU_CHILD=1", "GORACE=atexit_sleep_ms=0")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	if os.Geteuid() != 0 { // root in a user namespace may make a network namespace
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}}
	}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Skipf("not permitted to make a network namespace: %v", err)
	}
	err := cmd.Wait()
	switch {
	case err != nil:
		t.Errorf("in the namespace: %v\n%s", err, &out)
	case strings.Contains(out.String(), "--- SKIP"):
		t.Skipf("in the namespace: %s", &out)
	case !strings.Contains(out.String(), "the child has finished"):
		t.Errorf("nothing was tested in the namespace:\n%s", &out)
	}
	t.Logf("in the namespace:\n%s", &out)
}

// mtuCheck finds the largest payloads that go through and compares them with MaxPayload.
func mtuCheck(t *testing.T, mtu int) {
	t.Helper()
	for _, ip := range []string{"127.0.0.1", "::1"} {
		receiver, err := net.ListenPacket("udp", net.JoinHostPort(ip, "0"))
		if err != nil {
			t.Logf("no %s here: %v", ip, err)
			continue
		}
		sender := mtuDial(t, receiver.LocalAddr().String())
		good, bad := 0, 1<<16 // largest that went through, smallest that did not
		for good+1 < bad {
			size := (good + bad) / 2
			_, err := sender.Write(make([]byte, size))
			switch {
			case err == nil:
				good = size
			case errors.Is(err, syscall.EMSGSIZE):
				bad = size
			default:
				t.Fatalf("Write of %d bytes: %v, want syscall.EMSGSIZE", size, err)
			}
		}
		want := ch05.MaxPayload(mtu, netip.MustParseAddr(ip))
		if good != want {
			t.Errorf("MTU %d, %s: %d bytes went through, want %d", mtu, ip, good, want)
		}
		t.Logf("MTU %5d, %-9s: %d bytes go through in one piece, %d do not", mtu, ip, good, bad)
		sender.Close()
		receiver.Close()
	}
}

// mtuDial connects and sets "don't fragment": the DF bit in IPv4. IPv6 routers never
// fragment, so there the option is for the sender's own kernel.
func mtuDial(t *testing.T, address string) net.Conn {
	t.Helper()
	d := net.Dialer{Control: func(network, _ string, c syscall.RawConn) error {
		var err error
		return errors.Join(c.Control(func(fd uintptr) {
			if network == "udp6" {
				err = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_IPV6,
					syscall.IPV6_MTU_DISCOVER, syscall.IPV6_PMTUDISC_DO)
			} else {
				err = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_IP,
					syscall.IP_MTU_DISCOVER, syscall.IP_PMTUDISC_DO)
			}
		}), err)
	}}
	conn, err := d.Dial("udp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// mtuFragments checks that without the option a larger datagram arrives as well: the
// kernel sends it in fragments, and the receiver's kernel reassembles them.
func mtuFragments(t *testing.T, size int) {
	t.Helper()
	receiver, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer receiver.Close()
	sender, err := net.Dial("udp", receiver.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer sender.Close()
	if _, err := sender.Write(make([]byte, size)); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(30 * time.Second) // for a lost datagram
	if err := receiver.SetReadDeadline(deadline); err != nil {
		t.Fatal(err)
	}
	n, _, err := receiver.ReadFrom(make([]byte, 2*size))
	if n != size || err != nil {
		t.Errorf("ReadFrom = %d, %v; want %d bytes in fragments", n, err, size)
	}
	t.Logf("without the option %d bytes arrive, in fragments", n)
}

func mtuLoopback(t *testing.T) net.Interface {
	t.Helper()
	links, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	for _, link := range links {
		if link.Flags&net.FlagLoopback != 0 {
			return link
		}
	}
	t.Skip("no loopback interface")
	return net.Interface{}
}

// mtuSetLoopback sets the MTU and brings the interface up (netdevice(7)).
func mtuSetLoopback(t *testing.T, mtu int) {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_DGRAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(fd)
	request := struct { // struct ifreq
		name  [syscall.IFNAMSIZ]byte
		value int32 // the MTU; its first half is the flags
		_     [20]byte
	}{value: int32(mtu)}
	copy(request.name[:], mtuLoopback(t).Name)
	for _, number := range []uintptr{syscall.SIOCSIFMTU, syscall.SIOCSIFFLAGS} {
		if number == syscall.SIOCSIFFLAGS {
			*(*uint16)(unsafe.Pointer(&request.value)) = syscall.IFF_UP
		}
		_, _, errno := syscall.Syscall(syscall.SYS_IOCTL, uintptr(fd), number,
			uintptr(unsafe.Pointer(&request)))
		if errno != 0 {
			t.Skipf("not permitted to configure the loopback: %v", errno)
		}
	}
}
