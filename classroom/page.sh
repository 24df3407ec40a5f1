#!/usr/bin/env bash
# Makes the picture of the page in README.md: classroom/page.sh
#
# Needs Chromium and ImageMagick: sudo apt install chromium imagemagick
set -euo pipefail
cd "$(dirname "$0")/.."

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cargo lesson page --out "$work"
# A browser with a new profile. Its updates and its other requests to the network are turned off.
chromium --headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking \
  --disable-component-update --disable-sync --hide-scrollbars --user-data-dir="$work/browser" \
  --window-size=1366,640 --screenshot="$work/page.png" \
  "file://$work/index.html#s06_form..s07_put/src/server.rs" >"$work/log" 2>&1 || { cat "$work/log" >&2; exit 1; }
convert "$work/page.png" -strip +dither -colors 250 png8:pictures/page.png
ls -l pictures/page.png
