#!/usr/bin/env bash
# Makes the pictures of the window in NOTES.md: classroom/pictures.sh [STAGE ...]
#
# Needs Linux with Xvfb, openbox, xdotool, xclip, ImageMagick and a Korean font:
#   sudo apt install xvfb openbox xdotool xclip imagemagick fonts-nanum
set -euo pipefail
cd "$(dirname "$0")/.."
mkdir -p pictures

# A screen of its own, where Mesa draws in software; everything started here ends with the script.
work=$(mktemp -d)
programs=()
finish() {
  kill "${programs[@]}" 2>/dev/null || true
  rm -rf "$work"
}
trap finish EXIT
Xvfb -displayfd 3 -screen 0 1024x768x24 -noreset 3>"$work/display" >/dev/null 2>&1 &
programs+=($!)
until [ -s "$work/display" ]; do sleep 0.1; done
export DISPLAY=:$(cat "$work/display") LIBGL_ALWAYS_SOFTWARE=1
unset WAYLAND_DISPLAY
openbox >/dev/null 2>&1 &
programs+=($!)
# openbox can miss a window that opens before openbox is ready.
until xdotool get_num_desktops >/dev/null 2>&1; do sleep 0.1; done

# Puts a text on the clipboard and pastes it, because xdotool cannot type Korean.
paste() {
  printf %s "$1" | xclip -selection clipboard
  xdotool key ctrl+a ctrl+v
  sleep 0.3
}

# Sends with Enter, and waits until the response is drawn.
enter() {
  xdotool key Return
  sleep 0.7
}

# Clicks at a position in the window.
click() {
  xdotool mousemove --window "$window" "$1" "$2" click 1
  sleep 0.3
}

for stage in "${@:-s04_window s06_form s07_put}"; do for stage in $stage; do
  cargo build -q -p "$stage" --features "$stage/window"
  target/debug/"$stage" server --addr 127.0.0.1:0 >"$work/server" &
  server=$!
  programs+=($server)
  until grep -q listening "$work/server"; do sleep 0.1; done
  target/debug/"$stage" window --addr "$(sed -n 's/^listening on //p' "$work/server")" &
  program=$!
  programs+=($program)
  window=$(xdotool search --sync --onlyvisible --name "^$stage, ")
  xdotool windowactivate --sync "$window"
  # The window of each stage is as high as its content.
  case $stage in
  s04_* | s06_*) height=320 ;;
  *) height=540 ;;
  esac
  xdotool windowsize --sync "$window" 720 "$height"
  sleep 0.7
  paste '안녕, 창!'
  enter
  case $stage in
  s04_*) ;;
  *)
    paste 'a second message'
    enter
    click 240 21  # PUT
    click 690 50  # the index
    xdotool type 0
    click 300 79  # the text
    paste '고친 말'
    [ "$stage" = s06_form ] || enter
    ;;
  esac
  # What is below the pointer looks different, so the pointer goes to an empty place.
  xdotool mousemove --window "$window" 600 "$((height - 40))"
  sleep 0.3
  import -window "$window" -strip "pictures/$stage.png"
  kill "$program" "$server"
done; done
ls -l pictures
