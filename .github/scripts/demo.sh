#!/bin/sh
# Runs the programs of each chapter, prints each command and what it printed, and checks
# the results. Exits with 1 if any is wrong. Servers listen on loopback, on free ports.
set -u
cd "$(dirname "$0")/../.." || exit 1
GO=${GO:-go}
tmp=$(mktemp -d)
bin=$tmp/bin
pid=""
backend_pid=""
failed=""
trap 'kill $pid $backend_pid 2>/dev/null; rm -rf "$tmp"' EXIT
trap 'exit 130' INT TERM
PATH=$bin:$PATH

section() { printf '\n== %s\n' "$1"; }

# show CMD...: prints the command as a shell would take it.
show() {
	case $1,${2:-} in
	sh,-c) printf '$ %s\n' "$3" && return ;;
	esac
	printf '$'
	for word; do
		case $word in
		'' | *[!A-Za-z0-9_./:=@%+,-]*) printf " '%s'" "$word" ;; # none has a quote in it
		*) printf ' %s' "$word" ;;
		esac
	done
	echo
}

# run CMD...: prints the command, then runs it.
run() {
	show "$@"
	"$@"
}

# check WHAT CMD...: the demo fails if the command does.
check() {
	what=$1
	shift
	if "$@" >/dev/null; then
		printf 'ok: %s\n' "$what"
	else
		printf 'FAILED: %s\n' "$what"
		failed=1
	fi
}

# prove WHAT CMD...: runs the go test in sight, and checks that there is one and it passes.
prove() {
	what=$1
	shift
	run "$@" >"$tmp/proof" 2>&1 || failed=1
	cat "$tmp/proof"
	check "$what" grep -q '^--- PASS' "$tmp/proof"
}

# serve LOG CMD...: starts a server, waits for its ready line, and sets $addr and $pid.
serve() {
	log=$1
	shift
	printf '$ %s &\n' "$*"
	: >"$log"
	"$@" 2>"$log" &
	pid=$!
	addr=""
	tries=0
	while [ -z "$addr" ]; do
		tries=$((tries + 1))
		addr=$(sed -n 's/^listening on //p' "$log")
		[ -z "$addr" ] || break
		if ! kill -0 "$pid" 2>/dev/null || [ $tries -gt 600 ]; then
			echo "FAILED: $1 did not start:"
			cat "$log"
			exit 1
		fi
		sleep 0.05
	done
	echo "listening on $addr"
}

# stop: ends the server by a signal, as its user would; it must exit with 0.
stop() {
	kill "$pid"
	check "the server ended in order" wait "$pid"
	pid=""
}

mkdir "$bin"
for command in ch04/ping ch04/proxy ch05/echo ch06/tftpd ch06/tftp ch06/sha512-256sum \
	ch07/echo ch07/creds ch08/skew ch09/server; do
	[ -d "$command" ] || continue
	"$GO" build -o "$bin/$(echo "$command" | tr / -)" "./$command" || exit 1
done

echo "Commands are built for this run: ch06-tftpd is go run ./ch06/tftpd, and so on."

section "Chapter 6: a file goes over TFTP and its checksum is verified"
serve "$tmp/tftpd.log" ch06-tftpd -listen 127.0.0.1:0 -root ch06/tftpd
(cd ch06/tftpd && ch06-sha512-256sum picture.svg) >"$tmp/sums"
run cat "$tmp/sums"
mkdir "$tmp/ours" "$tmp/curls"
run ch06-tftp -o "$tmp/ours/picture.svg" "$addr" picture.svg
check "our client fetched the same file" cmp ch06/tftpd/picture.svg "$tmp/ours/picture.svg"
cd "$tmp/ours" || exit 1
run ch06-sha512-256sum -c "$tmp/sums"
check "its checksum is right" ch06-sha512-256sum -c "$tmp/sums"
cd - >/dev/null || exit 1
if command -v curl >/dev/null; then
	cd "$tmp/curls" || exit 1
	run curl -sS --tftp-blksize 1428 -o picture.svg "tftp://$addr/picture.svg"
	run ch06-sha512-256sum -c "$tmp/sums"
	check "curl fetched the same file" ch06-sha512-256sum -c "$tmp/sums"
	cd - >/dev/null || exit 1
else
	echo "curl is not installed"
fi
run cat "$tmp/tftpd.log"
stop

section "Chapter 3: a minute of heartbeats in fake time"
prove "the heartbeat keeps its time" "$GO" test -count=1 -v -run 'TestPingerAdvanceDeadline$' ./ch03/heartbeat_test.go

section "Chapter 4: a proxy, and a TCP ping through it"
serve "$tmp/backend.log" ch09-server -listen 127.0.0.1:0 -quiet
backend=$addr backend_pid=$pid
serve "$tmp/proxy.log" ch04-proxy -listen 127.0.0.1:0 -to "$backend" -monitor
run ch04-ping -c 3 -i 100ms "$addr"
check "TCP ping connects to the proxy" ch04-ping -c 1 "$addr"
if command -v curl >/dev/null; then
	run curl -sS "http://$addr/healthz"
fi
stop # writes the rest of the log
if command -v curl >/dev/null; then
	run cat "$tmp/proxy.log"
	check "the proxy carries and logs HTTP" grep -q 'GET /healthz' "$tmp/proxy.log"
fi
run ch04-ping -c 1 "$addr" # refused: nobody listens any more
check "a closed port is a failure" sh -c "! ch04-ping -c 1 $addr"
pid=$backend_pid backend_pid=""
stop

section "Chapter 5: UDP echo"
serve "$tmp/udp.log" ch05-echo -listen 127.0.0.1:0
run ch05-echo -to "$addr" "hello over UDP"
check "what came back is what was sent" test "$(ch05-echo -to "$addr" again)" = again
stop

section "Chapter 7: Unix echo, and who is at the other end"
sockets=$tmp/sockets
mkdir "$sockets"
chmod 711 "$tmp" "$sockets" # other users must reach the sockets in it
serve "$tmp/unix.log" ch07-echo -network unix -listen "$sockets/echo.sock"
run ls -l "$addr"
if nc -h 2>&1 | grep -q OpenBSD; then
	run sh -c "echo hello | nc -N -U '$addr'"
	check "Unix echo" test "$(echo hello | nc -N -U "$addr")" = hello
	stop
	check "the socket is gone" test ! -e "$addr"
	serve "$tmp/creds.log" ch07-creds -socket "$sockets/creds.sock" "$(id -gn)"
	run nc -N -U "$addr" </dev/null
	check "our group is welcome" test "$(nc -N -U "$addr" </dev/null)" = Welcome
	if test "$(id -u)" = 0 && command -v setpriv >/dev/null; then
		as="setpriv --reuid 65534 --regid 65534 --clear-groups"
		run $as nc -N -U "$addr" </dev/null
		check "another user is denied" test "$($as nc -N -U "$addr" </dev/null)" = "Access denied"
	fi
	stop
else
	stop
	echo "nc of netcat-openbsd is not installed: the tests show the rest"
	prove "echo and credentials" "$GO" test -v -run 'Echo|Creds|Allowed' ./ch07
fi

section "Chapter 8: a clock, connections counted, JSON and multipart posts"
serve "$tmp/server.log" ch09-server -listen 127.0.0.1:0 -quiet
run ch08-skew -timeout 2s "http://$addr/"
check "our own clock is right, to the second that HTTP has" sh -c "ch08-skew http://$addr/ | grep -Eq '^(\+0|-[01])\.'"
prove "connections are reused, the posts arrive" "$GO" test -count=1 -v -run 'TestReuseConnections$|TestPostUser$|TestMultipartPost$' ./ch08

section "Chapter 9: a service, and what it measured"
if command -v curl >/dev/null; then
	run curl -sS "http://$addr/hello"
	curl -sS -d '<b>' -o "$tmp/hello" "http://$addr/hello"
	run curl -sS -d '<script>alert(1)</script>' "http://$addr/hello"
	check "markup comes back as text" grep -q 'Hello, &lt;b&gt;!' "$tmp/hello"
	run curl -sS -r -64 "http://$addr/static/notes.txt"
	status() { curl -sS -o /dev/null -w '%{http_code}' "$@"; }
	check "a dot file is not found" test "$(status "http://$addr/static/%2esecret")" = 404
	check "TRACE is refused" test "$(status -X TRACE "http://$addr/")" = 405
	measured="$(curl -sS "http://$addr/debug/vars" | grep -o '"POST /hello":{.*' | grep -o '"requests":[0-9]*' | head -n 1)"
	echo "measured of POST /hello: $measured"
	check "both posts were measured" test "$measured" = '"requests":2'
else
	echo "curl is not installed: open http://$addr/ in a browser while go run ./ch09/server runs"
fi
stop

if [ -n "$failed" ]; then
	printf '\nsomething differs, see FAILED above\n'
	exit 1
fi
printf '\nall is well\n'
