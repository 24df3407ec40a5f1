#!/bin/sh
# The server in a tmux session, where it goes on when you log out.
#
#   tmux.sh start [ARGUMENTS]   start it; the arguments are those of `s15_axum server`
#   tmux.sh log                 show what it has printed
#   tmux.sh attach              look at it; come back with Ctrl+b, then d
#   tmux.sh stop                end the session, and the server with it
#
# SERVER is the program, target/release/s15_axum by default; SESSION is the session's name, s15_axum by default.
set -u

fail() {
  echo "$1" >&2
  exit 1
}

command -v tmux >/dev/null || fail "tmux is not installed: sudo apt install tmux"

here=$(cd "$(dirname "$0")" && pwd)
session=${SESSION:-s15_axum}
server=${SERVER:-$here/../../target/release/s15_axum}

case $session in *[.:]*) fail "the name of a session has no . and no : in it, unlike $session" ;; esac

running() {
  tmux has-session -t "=$session" 2>/dev/null
}

case ${1:-} in
start)
  shift
  running && fail "the session $session runs already; look at it with: $0 attach"
  [ -x "$server" ] || fail "there is no program $server; build it with: cargo build --release -p s15_axum"
  # tmux reads history-limit only when it makes a window. So it is set first, and the server gets a second window.
  # If the server ends, at once or after days, its last lines stay on the screen.
  tmux new-session -d -s "$session" -x 200 -y 50 cat \; set-option -t "$session" history-limit 50000 \; \
    new-window -t "$session" cat \; set-option -w -t "$session" remain-on-exit on \; \
    respawn-pane -k -t "$session" "$server" server "$@" \; kill-window -t "$session:^" ||
    fail "tmux cannot start the session $session"
  echo "started in the session $session; look at it with: $0 log"
  ;;
log)
  running || fail "no session $session runs; start it with: $0 start"
  tmux capture-pane -p -J -S - -t "=$session:" | grep -v '^ *$'
  ;;
attach)
  running || fail "no session $session runs; start it with: $0 start"
  exec tmux attach-session -t "=$session"
  ;;
stop)
  running || fail "no session $session runs"
  tmux kill-session -t "=$session"
  echo "stopped the session $session"
  ;;
*)
  fail "usage: $0 start [ARGUMENTS] | log | attach | stop"
  ;;
esac
