#!/usr/bin/env bash
# Makes the captures that NOTES.md shows: classroom/captures.sh
#
# Needs Linux with tcpdump, unshare, ip and ss. It does not need root:
#   sudo apt install tcpdump util-linux iproute2
# From Ubuntu 24.04 on, an ordinary user may make a network of its own only after this command:
#   sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0
set -euo pipefail
cd "$(dirname "$0")/.."

# A network of its own, with a loopback in it and nothing else: port 8080 is free there, and no packet comes from
# other programs. Not as root: tcpdump would then change to another user, who does not exist there.
if [ "${1:-}" != alone ]; then
  for program in tcpdump unshare ip ss; do
    command -v "$program" >/dev/null || { echo "$program is missing: see the top of $0" >&2; exit 1; }
  done
  cargo build -q -p s01_echo -p s02_loop -p s03_http -p s10_hardened -p s12_keepalive --bins --examples
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
mkdir -p captures

# Waits until the process PROCESS has written PATTERN to FILE. If the process ends before, prints FILE and fails.
wait_for() {
  local process=$1 pattern=$2 file=$3
  until grep -qs "$pattern" "$file"; do
    kill -0 "$process" 2>/dev/null || { cat "$file" >&2; exit 1; }
    sleep 0.02
  done
}

# Starts the server of a stage, and waits until it listens.
serve() {
  local stage=$1
  shift
  rm -f "$work/server"
  target/debug/"$stage" server "$@" >"$work/server" 2>&1 &
  server=$!
  wait_for "$server" '^listening on' "$work/server"
}

# Ends the server.
end() {
  kill "$server"
  wait "$server" || true
  server=''
}

# Runs a command, and saves what goes over the loopback in the meantime as captures/NAME.pcap.
capture() {
  local name=$1
  shift
  rm -f "$work/all.pcap" "$work/tcpdump"
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
  tcpdump -r "$work/all.pcap" -w "captures/$name.pcap" tcp 2>/dev/null
}

# A server that has just closed a connection ends, and another one takes its port at once.
second_bind() {
  echo first | target/debug/s01_echo client
  end
  [ -n "$(ss -Htn state time-wait 'sport = :8080')" ] || { echo 'no connection is in TIME_WAIT' >&2; exit 1; }
  serve s01_echo
  echo second | target/debug/s01_echo client
}

# Two requests on one connection. The server closes it when it has been idle, and the client then opens another one.
idle_close() {
  established() { ss -Htn state established 'sport = :8080'; }
  {
    printf 'POST / first\nPUT /0 second\n'
    while [ -z "$(established)" ]; do sleep 0.02; done
    while [ -n "$(established)" ]; do sleep 0.02; done
    echo 'GET /0'
  } | target/debug/s12_keepalive client
}

capture s01_refused target/debug/s01_echo client </dev/null

serve s01_echo
capture s01_echo target/debug/s01_echo client <<<'hello'
capture s01_time_wait second_bind
end

serve s02_loop
capture s02_loop target/debug/s02_loop client <<<$'first\nsecond\n안녕'
end

serve s03_http
capture s03_http target/debug/s03_http client <<<'hello'
capture s03_drip target/debug/examples/drip
end

serve s10_hardened --db "$work/messages.db"
for kind in silent rst; do
  capture "s10_$kind" target/debug/s10_hardened attack "$kind"
done
# Whether RST or the response comes first is a matter of timing. The notes show a run in which RST comes first, and
# the server then sends data once: the response to the request that follows the attack.
data='src port 8080 and tcp[tcpflags] & tcp-push != 0'
until
  capture s10_rst_mid target/debug/s10_hardened attack rst-mid
  [ "$(tcpdump -r captures/s10_rst_mid.pcap "$data" 2>/dev/null | wc -l)" -eq 1 ]
do :; done
end

serve s12_keepalive --db "$work/keepalive.db"
capture s12_keepalive idle_close
end
wc -c captures/*
