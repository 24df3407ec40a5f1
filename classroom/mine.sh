#!/bin/sh
# Checks each copy in the folder mine against the stage that it is to become, and prints a table in Markdown:
#   classroom/mine.sh
#
# `cargo lesson start 6 my_put` makes such a copy. Its Cargo.toml names the stage that comes next:
#   [package.metadata.lesson]
#   next = 7
# Needs python3. The exit status is 1 if a case of a copy's stage does not hold.
set -eu
cd "$(dirname "$0")/.."

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

# Prints a row of the table: $1 is the name of the copy, $2 its stage and $3 the exit status of the check, whose output
# is in $work. Fails if a case does not hold.
row() {
  python3 - "$work" "$@" <<'PYTHON'
import json, pathlib, sys

work, name, stage, status = sys.argv[1:]
output = pathlib.Path(work, "output").read_text(encoding="utf-8")
errors = pathlib.Path(work, "errors").read_text(encoding="utf-8")


def read_cases(text):
    """The cases in an array, or in one object after another."""
    cases, at, decoder = [], 0, json.JSONDecoder()
    while text[at:].strip():
        at += len(text[at:]) - len(text[at:].lstrip())
        value, at = decoder.raw_decode(text, at)
        cases += value if isinstance(value, list) else [value]
    return cases


def cell(text):
    """A text as it stands in a cell of a table, on one line."""
    text = " ".join(str(text).split())
    for character in "\\`*_|<>[]":
        text = text.replace(character, "\\" + character)
    return text


try:
    cases = read_cases(output)
    held = sum(1 for case in cases if case["passed"])
    fault = next((f"{case['id']}: {case['reason']}" for case in cases if not case["passed"]), "")
    stage = cases[0]["stage"] if cases else stage
except (ValueError, KeyError, TypeError):
    cases = []
if not cases:
    last = [line for line in errors.splitlines() if line.startswith("error")] or errors.splitlines()
    held, fault = 0, "it cannot be checked: " + (last or ["the check printed nothing"])[0]
elif status != "0" and not fault:
    fault = f"the check ended with status {status}"
count = f"{held} / {len(cases)}" if cases else "–"
print(f"| {cell(name)} | {cell(stage)} | {count} | {cell(fault)} |")
sys.exit(1 if fault else 0)
PYTHON
}

# The number after `next =` in the section [package.metadata.lesson] of a manifest.
next_stage() {
  inside=no
  while read -r line; do
    case $line in
    '[package.metadata.lesson]'*) inside=yes ;;
    '['*) inside=no ;;
    next*=*) [ $inside = no ] || echo "${line#*=}" | tr -cd 0-9 ;;
    esac
  done <"$1"
}

set -- mine/*/Cargo.toml
if [ ! -e "$1" ]; then
  echo 'There is no copy in the folder `mine`.'
  exit 0
fi
echo '| copy | stage | cases held | first fault |'
echo '|---|---|---|---|'
for manifest; do
  name=$(basename "$(dirname "$manifest")")
  stage=$(next_stage "$manifest")
  if [ -z "$stage" ]; then
    echo "| $name | – | – | its Cargo.toml names no next stage |"
    continue
  fi
  status=0
  cargo lesson check "$stage" "$name" --json </dev/null >"$work/output" 2>"$work/errors" || status=$?
  row "$name" "$stage" "$status" || failed=1
done
exit $failed
