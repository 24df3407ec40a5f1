#!/usr/bin/env bash
# Makes the captures that NOTES.md shows: classroom/captures.sh
#
# Beside each capture is a text with the system calls of the client and the server: captures/NAME.calls
#
# Needs Linux with tcpdump, strace, unshare, ip and ss. It does not need root:
#   sudo apt install tcpdump strace util-linux iproute2
# From Ubuntu 24.04 on, an ordinary user may make a network of its own only after this command:
#   sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0
set -euo pipefail
cd "$(dirname "$0")/.."

# A network of its own, with a loopback in it and nothing else: port 8080 is free there, and no packet comes from
# other programs. Not as root: tcpdump would then change to another user, who does not exist there.
if [ "${1:-}" != alone ]; then
  for program in tcpdump strace unshare ip ss; do
    command -v "$program" >/dev/null || { echo "$program is missing: see the top of $0" >&2; exit 1; }
  done
  cargo build -q -p s01_echo -p s02_loop -p s03_http -p s10_hardened -p s12_keepalive -p packets --bins --examples
  target=$(cargo metadata --format-version 1 --no-deps | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')
  export target=$target/debug
  exec unshare --map-user=1000 --keep-caps --net classroom/captures.sh alone
fi
ip link set lo up

# Everything started here ends with the script.
work=$(mktemp -d)
server='' tcpdump=''
finish() {
  kill $server $tcpdump 2>/dev/null || true
  rm -rf "$work"
}
trap finish EXIT
mkdir -p captures "$work/calls"

# Waits until the process PROCESS has written PATTERN to FILE. If the process ends before, prints FILE and fails.
wait_for() {
  local process=$1 pattern=$2 file=$3
  until grep -qs "$pattern" "$file"; do
    kill -0 "$process" 2>/dev/null || { cat "$file" >&2; exit 1; }
    sleep 0.02
  done
}

# Runs a program. strace writes the calls of each of its threads to $work/calls/WHO.THREAD. With -D the program is the
# child of this script, so that its process id is known. The calls that are not on sockets say at what time at the latest
# the one before them has returned.
traced() {
  local who=$1
  shift
  exec strace -D -ff -y -s 48 --seccomp-bpf --absolute-timestamps=format:unix,precision:us \
    -e trace=%network,clock_nanosleep,clone3,close,exit_group,futex,poll,read,readv,write,writev \
    -o "$work/calls/$who" "$@"
}

# Runs a program as the client, and waits until strace has written its last call.
client() {
  # A command in the background reads nothing, if not told otherwise.
  traced client "$@" <&0 &
  local client=$!
  wait "$client" || true
  written client "$client"
}

# Runs a program as the client, and types TEXT: says TEXT PROGRAM
says() {
  local text=$1
  shift
  client "$@" <<<"$text"
}

# Waits until strace has written the last call of a process.
written() {
  until grep -qs '+++ ' "$work/calls/$1.$2"; do sleep 0.02; done
}

# Starts the server of a stage, and waits until it listens.
serve() {
  local stage=$1
  shift
  rm -f "$work/server"
  traced server "$target/$stage" server "$@" >"$work/server" 2>&1 &
  server=$!
  wait_for "$server" '^listening on' "$work/server"
}

# Ends the server.
end() {
  kill "$server"
  wait "$server" || true
  written server "$server"
  server=''
}

# Runs a server of STAGE with OPTIONS, then a command, and saves what goes over the loopback in the meantime as
# captures/NAME.pcap, and the calls as captures/NAME.calls: capture NAME 'STAGE OPTIONS' COMMAND
capture() {
  local name=$1 stage=$2
  shift 2
  rm -f "$work/all.pcap" "$work/tcpdump" "$work"/calls/*
  [ -z "$stage" ] || serve $stage
  tcpdump -i lo -w "$work/all.pcap" -U --immediate-mode 'tcp port 8080 or udp port 9' 2>"$work/tcpdump" &
  tcpdump=$!
  wait_for "$tcpdump" '^tcpdump: listening on' "$work/tcpdump"
  # A command may fail, such as the one that is refused.
  "$@" || true
  # The last FIN can come after the command has ended. Waits until no connection is left, except in TIME_WAIT.
  while [ -n "$(ss -Htn state connected exclude time-wait 'sport = :8080 or dport = :8080')" ]; do sleep 0.02; done
  # Sends a datagram as a mark: when tcpdump has captured it, it has also captured all that came before.
  echo >/dev/udp/127.0.0.1/9
  until [ -n "$(tcpdump -r "$work/all.pcap" udp 2>/dev/null)" ]; do sleep 0.02; done
  kill -INT "$tcpdump"
  wait "$tcpdump"
  tcpdump=''
  local ended=$EPOCHREALTIME
  [ -z "$stage" ] || end
  tcpdump -r "$work/all.pcap" -w "captures/$name.pcap" tcp 2>/dev/null
  "$target/examples/calls" "captures/$name.pcap" "$ended" "$work"/calls/* >"captures/$name.calls"
}

# Makes a capture until its diagram is the one in the notes. What comes first is sometimes a matter of timing: which
# side closes first, or whether RST comes before the response. The notes speak of one of these runs.
capture_as_noted() {
  local name=$1
  until
    capture "$@"
    rows=$(tcpdump -r "captures/$name.pcap" 2>/dev/null | wc -l)
    [[ "$(<NOTES.md)" == *"<!-- captures/$name.pcap -->"$'\n```mermaid\n'"$("$target/packets" "captures/$name.pcap")"$'\n```'* ]] &&
      { [ "$name" != s03_http ] || [ "$rows" -eq 10 ]; }
  do
    echo "$name is different from the notes; once more" >&2
  done
}

# A server that has just closed a connection ends, and another one takes its port at once.
second_bind() {
  says first "$target/s01_echo" client
  end
  [ -n "$(ss -Htn state time-wait 'sport = :8080')" ] || { echo 'no connection is in TIME_WAIT' >&2; exit 1; }
  serve s01_echo
  says second "$target/s01_echo" client
}

# Two requests on one connection. The server closes it when it has been idle, and the client then opens another one.
idle_close() {
  established() { ss -Htn state established 'sport = :8080'; }
  {
    printf 'POST / first\nPUT /0 second\n'
    while [ -z "$(established)" ]; do sleep 0.02; done
    while [ -n "$(established)" ]; do sleep 0.02; done
    echo 'GET /0'
  } | client "$target/s12_keepalive" client
}

capture_as_noted s01_refused '' client "$target/s01_echo" client </dev/null
capture_as_noted s01_echo s01_echo says 'hello' "$target/s01_echo" client
capture_as_noted s01_time_wait s01_echo second_bind
capture_as_noted s02_loop s02_loop says $'first\nsecond\n안녕' "$target/s02_loop" client
capture_as_noted s03_http s03_http says 'hello' "$target/s03_http" client
capture_as_noted s03_drip s03_http client "$target/examples/drip"
for kind in silent rst rst-mid; do
  capture_as_noted "s10_${kind/-/_}" "s10_hardened --db $work/messages.db" client "$target/s10_hardened" attack "$kind"
done
capture_as_noted s12_keepalive "s12_keepalive --db $work/keepalive.db" idle_close
wc -c captures/*
