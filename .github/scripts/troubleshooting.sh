#!/usr/bin/env bash
# Runs every command line of the page "Linux commands for troubleshooting".
#
#   .github/scripts/troubleshooting.sh [-v] [-a] [ch09/fault/README.md]
#
# -v also prints the lines that ran well. -a counts a command that is not installed as
# a failure. Otherwise it is named as not run, as is what needs systemd or privileges.
#
# The commands are taken from the file itself, so a misspelt one fails here. A line
# `go run ./ch09/fault ...` starts that fault, which ends before the next one starts or
# with its symptom; the lines after it run with the variables that it prints. After "  # "
# stands what a line must show, see the section itself; a console block is compared
# exactly. Symptoms run at the same time, and within one the lines that only sample run
# beside those that follow. All run in a network namespace of their own if possible, so
# that no firewall rule or connection concerns the machine.
set -u

verbose='' all=''
while getopts va opt; do
	case $opt in
	v) verbose=1 ;;
	a) all=1 ;;
	*) echo "usage: troubleshooting.sh [-v] [-a] [ch09/fault/README.md]" >&2; exit 2 ;;
	esac
done
args=("$@")
shift $((OPTIND - 1))
notes=$(realpath "${1:-ch09/fault/README.md}") && [ -f "$notes" ] || exit 2
scripts=$(cd "$(dirname "$0")" && pwd) || exit 2
cd "$scripts/../.." || exit 2
PATH=$PATH:/usr/sbin:/sbin

# First pass: build, then start again in a network namespace.
if [ -z "${TROUBLESHOOTING_TMP:-}" ]; then
	tmp=$(mktemp -d) || exit 1
	trap 'rm -rf "$tmp"' EXIT
	go build -o "$tmp/fault" ./ch09/fault || exit 1
	for in in 'unshare -n' 'sudo -n unshare -n' 'unshare -rn' ''; do
		[ -z "$in" ] || ! $in ip link set lo up 2>/dev/null || break
	done
	# shellcheck disable=SC2086  # words on purpose
	exec $in env PATH="$PATH" TROUBLESHOOTING_TMP="$tmp" TROUBLESHOOTING_NS="$in" \
		bash "$scripts/${0##*/}" ${args[@]+"${args[@]}"}
fi

tmp=$TROUBLESHOOTING_TMP
ns=$TROUBLESHOOTING_NS
[ "$ns" ] && ip link set lo up
export FAULT=$tmp/fault LC_ALL=C
fault_pid='' line_pid='' samplers=()
cleanup() {
	trap - INT TERM
	[ -z "$line_pid" ] || kill "$line_pid" 2>/dev/null
	[ -z "$fault_pid" ] || kill "$fault_pid" 2>/dev/null
	[ ${#samplers[@]} = 0 ] || kill "${samplers[@]}" 2>/dev/null
	if [ "$BASHPID" = $$ ]; then
		# shellcheck disable=SC2046  # one word a job
		kill $(jobs -p) 2>/dev/null
	fi
	wait
	[ "$BASHPID" != $$ ] || rm -rf "$tmp"
	exit "${1:-1}"
}
trap 'cleanup 130' INT TERM

# As root, sudo is not needed and may not be there.
if [ "$(id -u)" = 0 ]; then
	sudo() { "$@"; }
	export -f sudo
fi

records=$tmp/records
awk -f "$scripts/troubleshooting.awk" "$notes" >"$records"

fail() { # WHAT, then lines of output on stdin, cut to what a reader can take
	echo "FAIL: $1"
	cut -c 1-160 | head -n 20 | sed 's/^/      /'
	echo >>"$tmp/failed.$part"
}
not_run() { # COMMAND NEED
	echo "not run: $1 (needs $2)"
	echo >>"$tmp/notrun.$part"
}

# package_of prints the package of a command, by the table in the notes.
package_of() { awk -F '\t' -v c="$1" '$1 == "P" && $3 == c { print $2; exit }' "$records"; }

# program prints what a command line runs first, leaving out what only leads to it.
program() {
	# shellcheck disable=SC2086  # split at spaces on purpose
	set -- $1
	while :; do
		case ${1:-} in
		*=* | sudo) shift ;;
		timeout) shift; [ "${1:-}" = -s ] && shift 2; shift ;;
		*) break ;;
		esac
	done
	echo "${1:-}"
}

# need prints what a program lacks here, beside its package: systemd or privileges.
# Each privilege is tried with a command that needs it and does nothing else.
need() { # PROGRAM COMMAND
	local as=''
	if [[ $2 == *sudo\ * ]]; then
		if [ "$(id -u)" != 0 ] && ! sudo -n true 2>/dev/null; then
			echo root
			return
		fi
		[ "$(id -u)" = 0 ] || as='sudo -n'
	fi
	case $1 in
	resolvectl) [ -S /run/systemd/resolve/io.systemd.Resolve ] || echo "systemd-resolved, running" ;;
	iotop) $as iotop -b -n 1 >/dev/null 2>&1 || echo "root on the machine, and its kernel's task statistics" ;;
	tcpdump)
		$as timeout 1 tcpdump -ni lo -c 1 port 9 >/dev/null 2>&1
		[ $? = 124 ] || echo root ;;
	strace | ltrace) $as "$1" -o /dev/null true >/dev/null 2>&1 || echo "leave to trace processes (CAP_SYS_PTRACE)" ;;
	iptables)
		if [ -z "$ns" ]; then
			echo "a network namespace"
		else
			$as iptables -nL >/dev/null 2>&1 || echo "root, and iptables in the kernel"
		fi ;;
	ufw) $as ufw status >/dev/null 2>&1 || echo "root, and iptables in the kernel" ;;
	esac
}

# start_fault runs the fault of a command line, and sets its variables.
start_fault() { # LINE COMMAND EXPECTED
	local words vars i
	stop_fault
	: >"$tmp/vars.$part"
	read -ra words <<<"${2#go run ./ch09/fault}"
	"$FAULT" "${words[@]}" >"$tmp/vars.$part" 2>"$tmp/says.$part" </dev/null &
	fault_pid=$!
	for ((i = 0; i < 300; i++)); do
		[ -s "$tmp/vars.$part" ] && break
		kill -0 "$fault_pid" 2>/dev/null || break
		sleep 0.1
	done
	vars=$(cat "$tmp/vars.$part")
	if ! [[ $vars =~ ^[A-Z]+=[^\ ]+(\ [A-Z]+=[^\ ]+)*$ ]]; then
		kill "$fault_pid" 2>/dev/null
		wait "$fault_pid"
		fault_pid=''
		fail "line $1: $2: no variables" <"$tmp/says.$part"
		return
	fi
	unset PID PORT DIR FD
	eval "export $vars"
	if [ -z "$3" ] || ! grep -Eq -e "$3" "$tmp/says.$part"; then
		fail "line $1: $2: does not say '$3'" <"$tmp/says.$part"
	fi
	sed -n 's/^fault: look at: //p' "$tmp/says.$part" | while IFS= read -r hint; do
		awk -F '\t' -v h="$hint" '$1 == "C" && index($3, h) { ok = 1 } END { exit !ok }' "$records" ||
			fail "line $1: the fault advises '$hint', which the notes do not" </dev/null
	done
	ran "$2"
}

# stop_fault ends the fault, which must still be there, end well and leave nothing.
stop_fault() {
	local status
	[ ${#samplers[@]} = 0 ] || wait "${samplers[@]}"
	samplers=()
	[ "$fault_pid" ] || return
	kill "$fault_pid" 2>/dev/null || fail "the fault ended too early" <"$tmp/says.$part"
	wait "$fault_pid"
	status=$?
	fault_pid=''
	[ $status = 0 ] || fail "the fault ended with status $status" <"$tmp/says.$part"
	[ -z "${DIR:-}" ] || [ ! -e "$DIR" ] || fail "the fault left $DIR" </dev/null
}

ran() {
	echo >>"$tmp/ran.$part"
	[ -z "$verbose" ] || echo "ran: $1"
}

# run_line runs one command line and compares what it prints.
run_line() { # LINE COMMAND EXPECTED FILE-OF-EXACT-OUTPUT
	local line=$1 command=$2 expected=$3 exact=$4 out=$tmp/out.$part.$1
	local name package lacks status want=0 stages s
	name=$(program "$command")
	if [[ $command == *'go run ./ch09/fault '* ]]; then
		command=${command/go run .\/ch09\/fault/\"\$FAULT\"}
	else
		package=$(package_of "${name##*/}")
		if [ -z "$package" ]; then
			fail "line $line: $command: '${name##*/}' is not in the table of packages" </dev/null
			return
		fi
		if ! command -v "$name" >/dev/null; then
			if [ "$all" ] && [ "$package" != systemd-resolved ]; then
				fail "line $line: $command: package $package is not installed" </dev/null
			else
				not_run "$command" "package $package"
			fi
			return
		fi
		lacks=$(need "$name" "$command")
		if [ "$lacks" ]; then
			not_run "$command" "$lacks"
			return
		fi
	fi
	STATUS=$out.status timeout -k 1 90 bash -c "$command
echo \${PIPESTATUS[*]} >\"\$STATUS\"" >"$out" 2>&1 </dev/null &
	line_pid=$! # waited for, so that a signal to this script does not wait for it
	wait "$line_pid"
	status=$?
	line_pid=''
	[ -f "$out.status" ] && read -ra stages <"$out.status" || stages=("$status")
	status=${stages[-1]}
	if [[ $expected =~ ^exit\ ([0-9]+):\ (.*)$ ]]; then
		want=${BASH_REMATCH[1]} expected=${BASH_REMATCH[2]}
	elif [ "$status" = 124 ] && [[ $command == *'timeout '* ]]; then
		status=0 # it had to be ended, and its output decides
	fi
	for s in "${stages[@]}"; do
		case $s in
		126 | 127) status=$s want=0 ;; # no such command, wherever in the line
		esac
	done
	if [ "$status" != "$want" ]; then
		fail "line $line: $2: exit status $status, want $want" <"$out"
	elif [ -s "$exact" ]; then
		diff "$exact" "$out" >"$out.diff" || fail "line $line: $2: - as noted, + as printed" \
			< <(sed -n 's/^</-/p; s/^>/+/p' "$out.diff")
	elif [ "$expected" = nothing ]; then
		[ ! -s "$out" ] || fail "line $line: $2: printed something" <"$out"
	elif [ -z "$expected" ]; then
		fail "line $line: $2: the notes do not say what it shows" <"$out"
	elif ! grep -Eq -e "$expected" "$out"; then
		fail "line $line: $2: does not show '$expected'" <"$out"
	fi
	ran "$2"
}

# symptom runs the records of one heading, in order.
symptom() {
	local kind a b c line='' command='' expected=''
	exact=$tmp/exact.$part
	trap 'cleanup 130' INT TERM
	flush() {
		[ "$command" ] || return
		if [[ $command == 'go run ./ch09/fault '* && $command != *' lookup '* ]]; then
			start_fault "$line" "$command" "$expected"
		elif [[ $command =~ ^(vmstat|iostat|sudo\ iotop)\  ]]; then
			{
				trap 'cleanup 130' INT TERM
				samplers=()
				run_line "$line" "$command" "$expected" /dev/null
			} &
			samplers+=($!)
		else
			run_line "$line" "$command" "$expected" "$exact"
		fi
		command=''
	}
	while IFS=$'\x1f' read -r kind a b c; do
		case $kind in
		C) flush; : >"$exact"; line=$a command=$b expected=$c ;;
		O) printf '%s\n' "$a" >>"$exact" ;;
		esac
	done < <(tr '\t' '\037' <"$tmp/part.$part")
	flush
	stop_fault
}

# claims checks what the notes say beside the lines.
claims() {
	local package name path owner line text first
	while IFS=$'\t' read -r _ package name; do
		path=$(command -v "$name") || path=/usr/lib/systemd/$name
		if [ ! -e "$path" ] || ! grep -sqx ID=debian /etc/os-release; then
			continue
		fi
		[[ $(readlink "$path") == /etc/alternatives/* && $name != iptables && $name != iotop && $name != awk ]] && continue
		path=$(readlink -f "$path")
		owner=$(dpkg-query -S "$path" "${path#/usr}" "/usr$path" 2>/dev/null | sed 's/:.*//' | head -n 1)
		[ -z "$owner" ] || [ "$owner" = "$package" ] ||
			fail "package of $name is $owner, the notes say $package" </dev/null
	done < <(grep '^P' "$records")
	# Code within a sentence that begins with a command must be part of a line that runs.
	while IFS=$'\t' read -r _ line text; do
		first=${text%% *}
		if [ "$first" = "$text" ] || [ -z "$(package_of "$first")" ]; then
			continue
		fi
		awk -F '\t' -v h="$text" '$1 == "C" && index($3, h) { ok = 1 } END { exit !ok }' "$records" ||
			fail "line $line: \`$text\` is no part of a line that runs" </dev/null
	done < <(grep '^I' "$records")
	while IFS=$'\t' read -r _ line text; do
		fail "line $line: $text: want sh, console, text or mermaid" </dev/null
	done < <(grep '^E' "$records")
	# Of all processes, not only the two in the notes.
	ps -eo rss= --sort=-rss | sort -c -nr 2>&1 || fail "ps --sort=-rss is not largest first" </dev/null
	ps -eo rss= --sort=rss | sort -c -n 2>&1 || fail "ps --sort=rss is not smallest first" </dev/null
}

count() { cat "$tmp/$1".* 2>/dev/null | wc -l; }

part=0 titles=()
while IFS= read -r record; do
	if [[ $record == H* ]]; then
		part=$((part + 1))
		titles[part]=${record#H?}
		: >"$tmp/part.$part"
	elif [[ $record == [CO]$'\t'* ]]; then
		printf '%s\n' "$record" >>"$tmp/part.$part"
	fi
done <"$records"
parts=$part
if [ "$parts" = 0 ]; then
	echo "troubleshooting: no symptoms in $notes" >&2
	cleanup 1
fi
for ((part = 1; part <= parts; part++)); do
	symptom >"$tmp/report.$part" 2>&1 &
done
part=claims
claims >"$tmp/report.claims" 2>&1
wait
for ((part = 1; part <= parts; part++)); do
	[ ! -s "$tmp/report.$part" ] || sed "1s/^/${titles[part]//\//\\/}:\n/" "$tmp/report.$part"
done
cat "$tmp/report.claims"
echo "troubleshooting: $(count ran) lines ran, $(count notrun) not run, $(count failed) failed"
[ "$(count failed)" = 0 ] && [ "$(count ran)" -gt 0 ]
cleanup $?
