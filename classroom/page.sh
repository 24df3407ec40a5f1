#!/usr/bin/env bash
# Makes the pictures of the page in README.md: classroom/page.sh
#
# Needs Chromium and ImageMagick: sudo apt install chromium imagemagick
set -euo pipefail
cd "$(dirname "$0")/.."

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cargo lesson page --out "$work"
# Takes a picture of the view with this address. The browser has a new profile. Its updates and its other requests to the
# network are turned off.
picture() {
  chromium --headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking \
    --disable-component-update --disable-sync --hide-scrollbars --user-data-dir="$work/browser" \
    --virtual-time-budget=3000 --window-size=1366,768 --screenshot="$work/page.png" \
    "file://$work/index.html#$2" >"$work/log" 2>&1 || { cat "$work/log" >&2; exit 1; }
  convert "$work/page.png" -strip +dither -colors 250 "png8:pictures/page-$1.png"
}
picture happens s07_put/happens/6
picture code s07_put/code/2
picture wire s07_put/wire/1
ls -l pictures/page-*.png
