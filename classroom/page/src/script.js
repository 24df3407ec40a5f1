"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const find = id => document.getElementById(id);
const stages = data.stages;
// What is shown: two stages, and a file of theirs, or one of the other views.
const chosen = { from: 5, to: 6, view: "src/server.rs" };
const VIEWS = { __proto__: null, wire: showWire, replay: showReplay, notes: showNotes };
const CONTEXT = 3;
let onlyDifferent = false;

function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

// The address: #s05_get..s07_put/src/server.rs
function read() {
  const [, from, to, view] = location.hash.match(/^#(\w+)\.\.(\w+)\/(.+)$/) ?? [];
  const index = name => stages.findIndex(stage => stage.name === name);
  if (index(from) >= 0 && index(to) >= 0) Object.assign(chosen, { from: index(from), to: index(to), view });
  show();
}

function go(change) {
  Object.assign(chosen, change);
  const { from, to, view } = chosen;
  const hash = `#${stages[from].name}..${stages[to].name}/${view}`;
  if (hash !== location.hash) history.pushState(null, "", hash);
  show();
}

// Both stages, one rung up or down the ladder.
function step(by) {
  const [from, to] = [chosen.from + by, chosen.to + by];
  if (stages[from] && stages[to]) go({ from, to });
}

// What changes between the two, whichever of them is the earlier.
function changes() {
  const { from, to } = chosen;
  if (from <= to) return data.changes[`${from} ${to}`];
  return data.changes[`${to} ${from}`].map(file => ({
    path: file.path, added: file.removed, removed: file.added, old: file.new, new: file.old,
    ops: file.ops.map(([same, old, now]) => [same, now, old]),
  }));
}

function show() {
  const { from, to } = chosen;
  find("from").value = from;
  find("to").value = to;
  find("back").disabled = !stages[from - 1] || !stages[to - 1];
  find("on").disabled = !stages[from + 1] || !stages[to + 1];
  document.title = `${stages[from].name} → ${stages[to].name}`;
  find("title").textContent = stages[to].title;
  const files = changes();
  let file = files.find(file => file.path === chosen.view);
  if (!file && !VIEWS[chosen.view]) {
    file = files[0];
    chosen.view = file.path;
  }
  const tabs = files.map(file => tab(file.path, file.path.replace("src/", ""), file));
  const typing = document.activeElement?.closest("#tabs, #view");
  find("tabs").replaceChildren(...tabs, make("span", { class: "gap" }),
    tab("wire", "On the wire"), tab("replay", "Replay"), tab("notes", "Notes"));
  find("view").replaceChildren(file ? showCode(file) : VIEWS[chosen.view]());
  const current = find("tabs").querySelector("[aria-current]");
  current.scrollIntoView({ block: "nearest", inline: "nearest" });
  // Who works with the keyboard goes on from where they were.
  if (typing) (typing.id === "tabs" ? current : find("only-different"))?.focus();
}

function tab(view, name, file) {
  const button = make("button", { "data-view": view }, name);
  if (chosen.view === view) button.setAttribute("aria-current", "true");
  if (file) {
    if (file.added + file.removed === 0) button.className = "same";
    if (file.added) button.append(" ", make("small", { class: "added" }, `+${file.added}`));
    if (file.removed) button.append(" ", make("small", { class: "removed" }, `−${file.removed}`));
  }
  button.onclick = () => {
    go({ view });
    scrollTo(0, 0);
  };
  return button;
}

// A file of both stages, side by side.
function showCode({ path, ops, old: oldMarks, new: newMarks }) {
  const [old, now] = [stages[chosen.from].files[path] ?? [], stages[chosen.to].files[path] ?? []];
  const code = make("div", { class: "code" }, make("div", { class: "names" },
    make("span", {}, stages[chosen.from].name), make("span", {}, stages[chosen.to].name)));
  let [at, nowAt] = [0, 0];
  const chunk = (same, length, nowLength) => {
    const element = make("div", { class: same ? "chunk" : "chunk different" },
      side("old", old, at, length, oldMarks), side("new", now, nowAt, nowLength, newMarks));
    at += length;
    nowAt += nowLength;
    return element;
  };
  ops.forEach(([same, length, nowLength], number) => {
    const [before, after] = [number > 0 ? CONTEXT : 0, number < ops.length - 1 ? CONTEXT : 0];
    const folded = length - before - after;
    if (!same || ops.length === 1 || folded < 5) {
      code.append(chunk(same, length, nowLength));
      return;
    }
    if (before) code.append(chunk(true, before, before));
    code.append(make("details", { class: "fold" },
      make("summary", {}, `${folded} lines are the same`), chunk(true, folded, folded)));
    if (after) code.append(chunk(true, after, after));
  });
  return code;
}

function side(name, lines, at, length, marks) {
  const element = make("div", { class: `side ${name}` });
  for (let number = at; number < at + length; number++) {
    const text = make("span", { class: "text" }, ...pieces(data.lines[lines[number]], marks[number] ?? []));
    element.append(make("p", { "data-number": number + 1 }, text));
  }
  return element;
}

// A line in its colours; what is marked in it may begin and end inside of a colour.
function pieces(line, marks) {
  const elements = [];
  let at = 0;
  for (let index = 0; index < line.length; index += 2) {
    const [name, text] = [line[index], line[index + 1]];
    let done = 0;
    while (done < text.length) {
      const mark = marks.find(([, end]) => end > at + done);
      const marked = mark && mark[0] <= at + done;
      const end = Math.min(text.length, (mark ? (marked ? mark[1] : mark[0]) : Infinity) - at);
      const piece = make(marked ? "mark" : "span", name ? { class: name } : {}, text.slice(done, end));
      elements.push(piece);
      done = end;
    }
    at += text.length;
  }
  return elements;
}

function showWire() {
  const { from, to } = chosen;
  const box = make("input", { type: "checkbox", id: "only-different" });
  box.checked = onlyDifferent;
  box.onchange = () => { onlyDifferent = box.checked; show(); };
  const names = [from, to].map(stage => make("th", {}, stages[stage].name));
  const table = make("table", {}, make("tr", {}, make("th", {}, "what is sent"), ...names));
  for (const row of data.wire) {
    const answers = [row.answers[from], row.answers[to]];
    const different = answers[0][0] !== answers[1][0];
    if (onlyDifferent && !different) continue;
    const cells = answers.map(([short, full]) => cell(short, full));
    table.append(make("tr", different ? { class: "different" } : {}, cell(row.case, row.sent), ...cells));
  }
  // What is opened in a row is opened in all of it, so that the texts stand side by side.
  table.addEventListener("toggle", event => {
    for (const other of event.target.closest("tr").querySelectorAll("details")) other.open = event.target.open;
  }, true);
  return make("div", { class: "wide wire" }, make("label", {}, box, "only what differs"), table);
}

function cell(short, full) {
  if (!full) return make("td", {}, short);
  return make("td", {}, make("details", {}, make("summary", {}, short), make("pre", {}, full)));
}

function showReplay() {
  const element = make("pre", { class: "replay" });
  element.innerHTML = stages[chosen.to].replay;
  return element;
}

function showNotes() {
  const element = make("article", { class: "notes" });
  element.innerHTML = stages[chosen.to].notes;
  return element;
}

// What somebody likes better is kept, where the browser keeps things for a file.
function keep(name, value) {
  try { localStorage.setItem(name, value); } catch { /* then not */ }
}
function kept(name) {
  try { return localStorage.getItem(name); } catch { return null; }
}
function zoom(factor) {
  const size = parseFloat(getComputedStyle(document.body).fontSize) * factor;
  resize(`${Math.min(60, Math.max(9, size)).toFixed(1)}px`);
}
function resize(size) {
  document.documentElement.style.setProperty("--size", size);
  keep("size", size);
}
function colour(theme) {
  document.documentElement.className = theme;
  keep("theme", theme);
}
function isDark() {
  const theme = document.documentElement.className;
  return theme ? theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}

for (const id of ["from", "to"]) {
  find(id).append(...stages.map((stage, index) => make("option", { value: index }, stage.name)));
  find(id).onchange = () => {
    go({ [id]: Number(find(id).value) });
    // From here on the arrows go from stage to stage again.
    find(id).blur();
  };
}
find("back").onclick = () => step(-1);
find("on").onclick = () => step(1);
find("smaller").onclick = () => zoom(1 / 1.15);
find("larger").onclick = () => zoom(1.15);
find("light").onclick = () => colour(isDark() ? "light" : "dark");
addEventListener("keydown", event => {
  const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  // In a list the arrows choose in the list; with another key they are the browser's.
  if (!by || event.target.tagName === "SELECT" || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  step(by);
});
addEventListener("hashchange", read);
if (kept("size")) resize(kept("size"));
if (kept("theme")) colour(kept("theme"));
read();
