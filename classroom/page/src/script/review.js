// The review: any two stages side by side, in code, on the wire, in their replays and notes.
const CONTEXT = 3;
const REVIEWS = { __proto__: null, wire: reviewWire, replay: reviewReplay, notes: reviewNotes };
let onlyDifferent = true;

// What changes between two stages, whichever of them is the earlier.
function changesBetween(from, to) {
  if (from <= to) return data.changes[`${from} ${to}`];
  return data.changes[`${to} ${from}`].map(file => ({
    path: file.path, added: file.removed, removed: file.added, old: file.new, new: file.old,
    ops: file.ops.map(([same, old, now]) => [same, now, old]),
  }));
}

// The files of both in the order in which a class reads them: what the lesson of the later stage is about comes first,
// then the other sources, then manifests and scripts.
function reviewFiles(from, to) {
  const lesson = [...new Set((stages[Math.max(from, to)]?.hunks ?? []).map(hunk => hunk.path))];
  const rank = file => {
    const place = lesson.indexOf(file.path);
    return place >= 0 ? place : file.path.startsWith("src/") ? 100 : 200;
  };
  return changesBetween(from, to).map((file, index) => [rank(file), index, file])
    .sort((one, other) => one[0] - other[0] || one[1] - other[1]).map(([, , file]) => file);
}

function showReview({ from, to, file: view }) {
  const files = reviewFiles(from, to);
  const file = files.find(file => file.path === view);
  const choose = (id, chosen) => {
    const select = make("select", { id, "aria-label": word(id), onchange: () => go({ ...here, [id]: Number(select.value), file: fileOf({ ...here, [id]: Number(select.value) }) }) },
      ...stages.map((stage, index) => make("option", { value: index }, stage.name)));
    select.value = chosen;
    return select;
  };
  const arrow = (id, by, text) => make("button", {
    id, title: word(id), "aria-label": word(id), disabled: !stages[from + by] || !stages[to + by],
    onclick: () => stepReview(by),
  }, text);
  const tabs = files.map(file => reviewTab(file.path, file.path.replace("src/", ""), file));
  const element = make("div", { class: "review" },
    make("nav", { class: "pair", "aria-label": word("stages") }, arrow("back", -1, "←"), choose("from", from),
      make("span", { "aria-hidden": "true" }, "→"), choose("to", to), arrow("on", 1, "→")),
    make("nav", { id: "tabs", "aria-label": word("views") }, ...tabs, make("span", { class: "gap" }),
      reviewTab("wire", word("act.wire")), reviewTab("replay", word("replay")), reviewTab("notes", word("notes"))),
    make("div", { id: "view" }, file ? reviewCode(file, from, to) : REVIEWS[view](from, to)));
  return element;
}

// A file of the view that both new stages have.
function fileOf({ from, to, file }) {
  const files = reviewFiles(from, to);
  return file in REVIEWS || files.some(one => one.path === file) ? file : files[0].path;
}

function stepReview(by) {
  const [from, to] = [here.from + by, here.to + by];
  if (stages[from] && stages[to]) go({ ...here, from, to, file: fileOf({ ...here, from, to }) });
}

function reviewTab(view, name, file) {
  const button = make("button", { "data-view": view, "aria-current": here.file === view ? "true" : null }, name);
  if (file) {
    if (file.added + file.removed === 0) button.className = "same";
    if (file.added) button.append(" ", make("small", { class: "added" }, `+${file.added}`));
    if (file.removed) button.append(" ", make("small", { class: "removed" }, `−${file.removed}`));
  }
  button.onclick = () => go({ ...here, file: view });
  return button;
}

// A file of both stages, side by side. What stays the same is folded, unless all is `open`.
function reviewCode({ path, ops, old: oldMarks, new: newMarks }, from, to, open = false) {
  const [old, now] = [stages[from].files[path] ?? [], stages[to].files[path] ?? []];
  const code = make("div", { class: "code" }, make("div", { class: "names" },
    make("span", {}, stages[from].name), make("span", {}, stages[to].name)));
  let [at, nowAt] = [0, 0];
  const chunk = (same, length, nowLength) => {
    const element = make("div", { class: same ? "chunk" : "chunk different" },
      reviewSide("old", same ? " " : "-", old, at, length, oldMarks), reviewSide("new", same ? " " : "+", now, nowAt, nowLength, newMarks));
    at += length;
    nowAt += nowLength;
    return element;
  };
  ops.forEach(([same, length, nowLength], number) => {
    const [above, below] = [number > 0 ? CONTEXT : 0, number < ops.length - 1 ? CONTEXT : 0];
    const folded = length - above - below;
    if (!same || ops.length === 1 || folded < 5) {
      code.append(chunk(same, length, nowLength));
      return;
    }
    if (above) code.append(chunk(true, above, above));
    const rest = chunk(true, folded, folded);
    code.append(open ? rest : make("details", { class: "fold" }, make("summary", {}, word("folded", folded)), rest));
    if (below) code.append(chunk(true, below, below));
  });
  return code;
}

function reviewSide(name, tag, lines, at, length, marks) {
  const element = make("div", { class: `side ${name}` });
  for (let number = at; number < at + length; number++) {
    element.append(codeRow(tag, number + 1, lines[number], marks[number] ?? []));
  }
  return element;
}

function reviewWire(from, to) {
  const box = make("input", { type: "checkbox", id: "only-different" });
  box.checked = onlyDifferent;
  box.onchange = () => { onlyDifferent = box.checked; arrive(here); find("only-different").focus(); };
  const rows = data.wire.filter(row => !onlyDifferent || row.answers[from][0] !== row.answers[to][0]);
  const table = wireTable(rows, from, to);
  // What is opened in a row is opened in all of it, so that the texts stand side by side.
  table.addEventListener("toggle", event => {
    for (const other of event.target.closest("tr").querySelectorAll("details")) other.open = event.target.open;
  }, true);
  const nothing = rows.length ? null : make("p", {}, word("same", stages[from].name, stages[to].name, data.wire.length));
  return make("div", { class: "wide wire" }, make("label", {}, box, word("only")), nothing ?? table);
}

function wireTable(rows, from, to) {
  const names = [from, to].map(stage => make("th", {}, stages[stage].name));
  const cell = (short, full) => full ? make("td", {}, make("details", {}, make("summary", {}, short), make("pre", {}, full))) : make("td", {}, short);
  const body = rows.map(row => {
    const answers = [row.answers[from], row.answers[to]];
    const name = answers[0][0] !== answers[1][0] ? "different" : null;
    return make("tr", { class: name }, cell(row.case, row.sent), ...answers.map(([short, full]) => cell(short, full)));
  });
  return make("table", {}, make("tr", {}, make("th", {}, word("sent")), ...names), ...body);
}

function reviewReplay(from, to) {
  return html("pre", { class: "replay" }, said(stages[to].replay));
}

function reviewNotes(from, to) {
  return html("article", { class: "notes" }, said(stages[to].notes));
}
