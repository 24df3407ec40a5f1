#!/usr/bin/env bash
# A cluster on this machine: HAProxy, three servers behind it, and PostgreSQL as a primary and a standby.
#
#   cluster.sh start            start everything; the last line says the address
#   cluster.sh status           show what runs
#   cluster.sh kill-server N    kill server N, as a crash does
#   cluster.sh start-server N   start server N again
#   cluster.sh kill-primary     kill the primary, as a crash of its machine does, and promote the standby
#   cluster.sh rejoin           bring the killed database back, as the standby
#   cluster.sh stop             stop everything; the messages stay, and the next start finds them
#
# Settings are environment variables. CLUSTER is for each command, the others are for `start`:
#   CLUSTER   the folder for data and logs, ./cluster by default; another folder is another cluster
#   ADDR      the address of HAProxy, 127.0.0.1:8080 by default; port 0 means a free port
#   SERVER    the server program, by default what `cargo build -p s14_shared` makes
#   SERVERS   how many servers run, 1 to 3; 3 by default
#   SYNC      on or off, whether a commit waits for the standby; if it is off, kill-primary can lose messages
#
# PostgreSQL refuses to run as root. If root runs this script, PostgreSQL runs as the user `postgres`.
set -u

fail() {
  echo "$1" >&2
  exit 1
}

here=$(cd "$(dirname "$0")" && pwd)
folder=${CLUSTER:-cluster}
! [ -d "$folder" ] || folder=$(cd "$folder" && pwd -P)
as_user=(env)
[ "$(id -u)" != 0 ] || as_user=(setpriv --reuid=postgres --regid=postgres --init-groups)

# Debian and Homebrew keep PostgreSQL outside the PATH, and Debian keeps HAProxy outside the PATH of most users.
for bin in /usr/lib/postgresql/*/bin /opt/homebrew/opt/postgresql@*/bin; do
  ! [ -x "$bin/postgres" ] || PATH=$bin:$PATH
done
PATH=$PATH:/usr/sbin
for program in postgres:postgresql haproxy:haproxy pgrep:procps; do
  command -v ${program%:*} >/dev/null || fail "${program%:*} is not installed: sudo apt install ${program#*:}"
done

# The file `settings` keeps these values from one command to the next. `primary` and `standby` are numbers of
# databases; `standby` is empty while the primary runs alone.
primary=1 standby='' servers=3 sync=on addr='' ports=() db_ports=()

save_settings() {
  printf 'primary=%s standby=%s servers=%s sync=%s addr=%s ports=(%s) db_ports=(%s)\n' \
    "$primary" "$standby" "$servers" "$sync" "$addr" "${ports[*]}" "${db_ports[*]}" >"$folder/settings.new"
  mv "$folder/settings.new" "$folder/settings"
}

# ---- Processes: haproxy, server1 to server3, db1 and db2. Each has a file NAME.pid and a file NAME.log. ----

# Starts a process in a process group of its own. Ctrl+C does not reach it.
launch() {
  local name=$1
  shift
  set -m
  "$@" </dev/null >>"$folder/$name.log" 2>&1 9>&- &
  echo $! >"$folder/$name.pid"
  set +m
}

# Prints the id of a process, if it runs. After a restart of the machine, another program can have this id; but only
# our processes have the folder in their command line.
pid() {
  local id
  id=$(cat "$folder/$1.pid" 2>/dev/null) || return 1
  case $(ps -ww -o args= -p "$id") in *"$folder/"*) echo "$id" ;; *) return 1 ;; esac
}

runs() {
  pid "$1" >/dev/null
}

any_runs() {
  runs haproxy || runs server1 || runs server2 || runs server3 || runs db1 || runs db2
}

# wait_for NAME COMMAND...: repeats the command until it succeeds, or until NAME, which was just started, has ended.
wait_for() {
  local name=$1 end=$((SECONDS + 60))
  shift
  until "$@" 2>/dev/null; do
    kill -0 "$(cat "$folder/$name.pid")" 2>/dev/null || fail "$name has ended: $(tail -n 1 "$folder/$name.log")"
    [ $SECONDS -lt $end ] || fail "$name is not ready after a minute; see $folder/$name.log"
    sleep 0.05
  done
}

# stop NAME SIGNAL: sends the signal and waits for the end of the process. After 10 seconds, it kills the process.
stop() {
  local id end=$((SECONDS + 10))
  id=$(pid "$1") || return 0
  kill "-$2" "$id" 2>/dev/null
  while runs "$1"; do
    [ $SECONDS -lt $end ] || crash "$1"
    sleep 0.05
  done
}

# Kills a process and its children. The parent is suspended before: it cannot start one more child meanwhile.
crash() {
  local id
  id=$(pid "$1") || return 0
  kill -STOP "$id"
  # shellcheck disable=SC2046 # each id is a word
  kill -KILL "$id" $(pgrep -P "$id")
  while runs "$1"; do sleep 0.01; done
}

stop_all() {
  stop haproxy TERM
  stop server1 TERM
  stop server2 TERM
  stop server3 TERM
  # INT is PostgreSQL's fast shutdown. The primary stops first: it waits until the standby has received everything.
  stop "db$primary" INT
  stop "db$((3 - primary))" INT
}

# Checks whether a program accepts connections at HOST:PORT.
accepts() {
  (exec 3<>"/dev/tcp/${1%:*}/${1#*:}") 2>/dev/null
}

# Sets `port` to a free port. The system gives clients ports above these.
find_port() {
  port=$((10000 + RANDOM % 20000))
  while accepts "127.0.0.1:$port"; do port=$((10000 + RANDOM % 20000)); done
}

# ---- Databases: number 1 and number 2. One is the primary, the other one is the standby. ----

# sql N STATEMENT: prints what database N answers.
sql() {
  psql -h 127.0.0.1 -p "${db_ports[$1 - 1]}" -U postgres -d postgres -qAtX -c "$2" 2>>"$folder/sql.log"
}

# Makes an empty folder for a database.
make_folder() {
  rm -rf "${folder:?}/db$1"
  mkdir -m 700 "$folder/db$1" || fail "cannot make a folder in $folder"
  [ "${as_user[0]}" = env ] || chown postgres: "$folder/db$1"
  "${as_user[@]}" test -w "$folder/db$1" ||
    fail "the user postgres cannot enter $folder; choose another folder, such as: CLUSTER=/tmp/cluster $0 start"
}

# Makes the first database. `trust`: each program on this machine can log in, without a password. `--no-sync`: the
# system itself writes the new files to the disk within a minute.
make_primary() {
  make_folder 1
  "${as_user[@]}" initdb -D "$folder/db1" -U postgres -A trust -E UTF8 --locale=C --no-sync >"$folder/sql.log" 2>&1 ||
    fail "cannot make a database: $(tail -n 1 "$folder/sql.log")"
  # The standby is a copy and has the same settings. A connection on which nothing comes for 2 seconds is lost.
  "${as_user[@]}" tee -a "$folder/db1/postgresql.conf" >/dev/null <<CONF
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
shared_buffers = 32MB
dynamic_shared_memory_type = mmap
synchronous_commit = on
wal_keep_size = 256MB
wal_sender_timeout = 2s
wal_receiver_timeout = 2s
wal_receiver_status_interval = 500ms
wal_retrieve_retry_interval = 100ms
CONF
  start_database 1
  { sql 1 'CREATE ROLE messages LOGIN' && sql 1 'CREATE DATABASE messages OWNER messages'; } ||
    fail "cannot make the database of the messages: $(tail -n 1 "$folder/sql.log")"
}

# Starts a database. If it has the file standby.signal, it is a standby, and receives what the other one writes.
start_database() {
  launch "db$1" "${as_user[@]}" "$(command -v postgres)" -D "$folder/db$1" -p "${db_ports[$1 - 1]}" \
    -c "primary_conninfo=host=127.0.0.1 port=${db_ports[2 - $1]} user=postgres application_name=db$1"
  wait_for "db$1" pg_isready -q -h 127.0.0.1 -U postgres -p "${db_ports[$1 - 1]}"
}

# Makes a database the standby: copies the primary and starts the copy. `--no-sync`: PostgreSQL syncs a copy when it
# starts.
make_standby() {
  make_folder "$1"
  # The copy has this setting, too. It is right for the copy once the copy is the primary and has no standby.
  commits_wait_for ''
  "${as_user[@]}" pg_basebackup -h 127.0.0.1 -p "${db_ports[$primary - 1]}" -U postgres -D "$folder/db$1" \
    --checkpoint=fast --no-sync 2>>"$folder/sql.log" || fail "cannot copy the primary: $(tail -n 1 "$folder/sql.log")"
  "${as_user[@]}" touch "$folder/db$1/standby.signal"
  start_database "$1"
}

# Waits until the standby has all commits, and until each new commit waits for the standby.
wait_for_standby() {
  if [ "$sync" = on ]; then commits_wait_for "db$1"; else commits_wait_for ''; fi
  wait_for "db$1" is_streaming "$1"
  # The standby has this commit on its disk when the statement returns, and so it has all commits before this one.
  sql "$primary" "SELECT pg_logical_emit_message(true, 'cluster', '')" >>"$folder/sql.log"
}

# Makes each commit wait until the standby of this name has the commit on its disk; without a name, for no standby.
commits_wait_for() {
  sql "$primary" "ALTER SYSTEM SET synchronous_standby_names = '$1'" || fail "the primary does not answer"
  sql "$primary" 'SELECT pg_reload_conf()' >>"$folder/sql.log"
}

is_streaming() {
  local want=sync
  [ $sync = on ] || want=async
  [ "$(sql "$primary" "SELECT sync_state FROM pg_stat_replication
    WHERE application_name = 'db$1' AND state = 'streaming'")" = $want ]
}

# ---- Servers ----

start_server() {
  local hosts="127.0.0.1:${db_ports[0]},127.0.0.1:${db_ports[1]}"
  launch "server$1" "$folder/server" server --addr "127.0.0.1:${ports[$1 - 1]}" \
    --db "postgresql://messages@$hosts/messages?target_session_attrs=read-write"
  wait_for "server$1" accepts "127.0.0.1:${ports[$1 - 1]}"
}

check_number() {
  case ${1:-none} in
  [1-9]) [ "$1" -le "$servers" ] || fail "there is no server $1, but servers 1 to $servers" ;;
  *) fail "say which server, such as: $0 $command 1" ;;
  esac
}

# ---- The commands ----

# After an interrupted start, nothing runs. After an interrupted first start, there is no data either.
undo_start() {
  trap '' INT TERM HUP
  stop_all
  # shellcheck disable=SC2046 # each id is a word
  [ -z "$(jobs -p)" ] || kill -KILL $(jobs -p) 2>/dev/null
  [ -e "$folder/settings" ] || rm -rf "${folder:?}"/*
}

start() {
  local target=${CARGO_TARGET_DIR:-$here/../../target} program i port
  program=$target/release/s14_shared
  [ "$program" -nt "$target/debug/s14_shared" ] || program=$target/debug/s14_shared
  program=${SERVER:-$program}
  [ -x "$program" ] || fail "there is no program $program; build it with: cargo build -p s14_shared"
  addr=${ADDR:-127.0.0.1:8080} servers=${SERVERS:-3} sync=${SYNC:-on}
  [[ $addr =~ ^[^:/\ ]+:[0-9]+$ ]] || fail "ADDR is HOST:PORT, unlike $addr"
  [[ $servers =~ ^[123]$ ]] || fail "SERVERS is 1, 2 or 3, unlike $servers"
  [[ $sync =~ ^(on|off)$ ]] || fail "SYNC is on or off, unlike $sync"
  if accepts "$addr"; then
    fail "another program has $addr; choose another address, such as ADDR=127.0.0.1:0 for a free port"
  fi
  [ -e "$folder/settings" ] || [ -z "$(ls -A "$folder")" ] ||
    fail "the folder $folder has other files in it; choose another folder, such as: CLUSTER=/tmp/cluster $0 start"
  trap undo_start EXIT
  trap 'fail "interrupted; nothing runs"' INT TERM HUP

  ln -sf "$(cd "$(dirname "$program")" && pwd)/$(basename "$program")" "$folder/server"
  ports=() db_ports=()
  for i in 1 2; do find_port && db_ports+=("$port"); done
  if [ -e "$folder/settings" ]; then
    start_database "$primary"
    [ -z "$standby" ] || start_database "$standby"
  else
    make_primary
    make_standby 2
    standby=2
  fi
  [ -z "$standby" ] || wait_for_standby "$standby"
  for ((i = 1; i <= servers; i++)); do find_port && ports+=("$port") && start_server $i; done
  if [ "${addr#*:}" = 0 ]; then find_port && addr=${addr%:*}:$port; fi
  export ADDR=$addr PORT1=${ports[0]}
  [ "$servers" -lt 2 ] || export PORT2=${ports[1]}
  [ "$servers" -lt 3 ] || export PORT3=${ports[2]}
  launch haproxy haproxy -db -C "$folder/" -f "$here/haproxy.cfg"
  wait_for haproxy accepts "$addr"
  save_settings
  trap - EXIT INT TERM HUP
  echo "started in $folder; servers: $servers, synchronous standby: $sync"
  echo "listening on $addr"
}

# show NAME ADDRESS [ROLE]: prints whether a process runs.
show() {
  local state='does not run'
  ! runs "$1" || state=runs
  echo "$1 at $2 $state${3:+: $3}"
}

status() {
  local i role
  show haproxy "$addr"
  for ((i = 1; i <= servers; i++)); do show server$i "127.0.0.1:${ports[$i - 1]}"; done
  for i in 1 2; do
    role='killed, can rejoin'
    [ "$i" != "$primary" ] || role=primary
    [ "$i" != "$standby" ] || role='standby, not connected'
    [ "$i" != "$standby" ] || ! is_streaming "$i" || role="standby, synchronous: $sync"
    show "db$i" "127.0.0.1:${db_ports[$i - 1]}" "$role"
  done
}

# Each commit that was answered is on the disk of the standby, and the standby replays all that it has received before
# its promotion ends. So no such commit is lost. The old primary must not run again, or there would be two: only
# `rejoin` starts it, as the standby. Until then the new primary runs alone. Its commits wait for no standby, and they
# are lost if its disk fails.
# When a real machine crashes, it closes no connection, and its clients notice later than here.
kill_primary() {
  [ -n "$standby" ] || fail "db$primary runs alone, and no standby can take over; first: $0 rejoin"
  runs "db$standby" || fail "the standby db$standby does not run, and cannot take over; see $folder/db$standby.log"
  trap '' INT TERM HUP
  crash "db$primary"
  # When a machine crashes, its shared memory is gone. PostgreSQL has one piece; its id is in postmaster.pid.
  ipcrm -m "$(awk 'NR == 7 { print $2 }' "$folder/db$primary/postmaster.pid")" 2>/dev/null
  sql "$standby" "SELECT pg_promote()" >>"$folder/sql.log" ||
    fail "cannot promote db$standby; see $folder/db$standby.log"
  primary=$standby standby=''
  save_settings
  echo "killed db$((3 - primary)); db$primary is the primary and runs alone"
}

undo_rejoin() {
  trap '' INT TERM HUP
  crash "db$((3 - primary))"
  commits_wait_for ''
}

# The killed database may have commits that the new primary never received. They were not answered. So its folder is
# deleted, and it becomes a copy of the primary.
rejoin() {
  local number=$((3 - primary))
  [ -z "$standby" ] || fail "nothing has to rejoin: db$primary is the primary and db$standby is its standby"
  runs "db$primary" || fail "the primary db$primary does not run; see $folder/db$primary.log"
  trap undo_rejoin EXIT
  trap 'fail "interrupted; the primary runs alone"' INT TERM HUP
  crash "db$number"
  make_standby "$number"
  wait_for_standby "$number"
  standby=$number
  save_settings
  trap - EXIT INT TERM HUP
  echo "db$number is the standby of db$primary; synchronous: $sync"
}

command=${1:-}
case $command in
start | status | kill-server | start-server | kill-primary | rejoin | stop) ;;
*) fail "usage: $0 start | status | kill-server N | start-server N | kill-primary | rejoin | stop" ;;
esac
if [ "$command" = start ]; then
  mkdir -p "$folder" || fail "cannot make the folder $folder; choose another with CLUSTER=FOLDER"
  folder=$(cd "$folder" && pwd -P)
fi
# Two commands that change the databases do not run at the same time: the second one waits.
case $command in start | kill-primary | rejoin | stop)
  if [ -d "$folder" ] && command -v flock >/dev/null; then
    exec 9<"$folder"
    flock -w 60 9 || fail "another command is busy with $folder"
  fi
  ;;
esac
# shellcheck source=/dev/null
! [ -e "$folder/settings" ] || . "$folder/settings"
if [ "$command" = start ]; then
  ! any_runs || fail "the cluster in $folder runs already, at $addr"
else
  any_runs || fail "no cluster runs in $folder; start one with: $0 start"
fi

case $command in
start) start ;;
status) status ;;
kill-server)
  check_number "${2:-}"
  runs "server$2" || fail "server $2 does not run; start it with: $0 start-server $2"
  crash "server$2"
  echo "killed server $2"
  ;;
start-server)
  check_number "${2:-}"
  ! runs "server$2" || fail "server $2 runs already"
  start_server "$2"
  echo "started server $2"
  ;;
kill-primary) kill_primary ;;
rejoin) rejoin ;;
stop)
  stop_all
  echo "stopped; the messages stay in $folder, and to delete them: rm -r $folder"
  ;;
esac
