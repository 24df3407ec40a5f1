#!/bin/sh
# Runs the tests as on a machine that has only Rust and a C compiler, while port 8080 is in use:
#   classroom/fresh.sh                  the command of the README
#   classroom/fresh.sh test -p notes    any other cargo command
#
# PATH is one folder with links to Rust, the C compiler, a shell and coreutils. Of the environment only the places of
# Rust's files are left, so CI is not set: a test whose program is missing must be ignored, and no test may fail.
# Needs Debian or a system made from it: dpkg lists the programs of coreutils.
set -eu
cd "$(dirname "$0")/.."

rust='cargo rustc rustdoc rustfmt cargo-fmt cargo-clippy clippy-driver'
compiler='cc gcc as ld ar ranlib nm strip sh'
coreutils=$(dpkg -L coreutils | sed -n 's|^\(/usr\)\{0,1\}/bin/||p')

# The folder stays, so that a second run has nothing to compile.
path=$PWD/target/fresh
rm -rf "$path.new"
mkdir -p "$path.new"
for program in $rust $compiler $coreutils; do
  file=$(command -v "$program" || true)
  case $file in
  /*) ln -sf "$file" "$path.new/$program" ;;
  esac
done
rm -rf "$path"
mv "$path.new" "$path"

# Runs a command as on the fresh machine.
fresh() {
  env -i PATH="$path" HOME="$HOME" LANG=C.UTF-8 ${CARGO_HOME:+CARGO_HOME="$CARGO_HOME"} \
    ${RUSTUP_HOME:+RUSTUP_HOME="$RUSTUP_HOME"} ${CARGO_TARGET_DIR:+CARGO_TARGET_DIR="$CARGO_TARGET_DIR"} \
    ${CARGO_BUILD_JOBS:+CARGO_BUILD_JOBS="$CARGO_BUILD_JOBS"} "$@"
}

# Stage 1 takes port 8080, unless another program has it already.
fresh cargo build --quiet --locked -p s01_echo
log=$(mktemp)
"${CARGO_TARGET_DIR:-target}/debug/s01_echo" server >"$log" 2>&1 &
server=$!
trap 'kill $server 2>/dev/null || true; rm -f "$log"' EXIT
until [ -s "$log" ]; do sleep 0.1; done
cat "$log"

[ $# -gt 0 ] || set -- test --locked --workspace
status=0
fresh cargo "$@" || status=$?
# A server of stages 1 to 9 ends when a connection fails. If it has ended, a test has connected to it by mistake.
if grep -q '^listening' "$log" && ! kill -0 $server 2>/dev/null; then
  echo 'A test has ended the server on port 8080, which is not its own:' >&2
  cat "$log" >&2
  status=1
elif grep -q accepted "$log"; then
  echo 'A test has connected to the server on port 8080, which is not its own:' >&2
  cat "$log" >&2
  status=1
fi
exit $status
