// The page itself: the bar, the keys, the steps forward and back, and the start.

const SHOW = {
  __proto__: null,
  ladder: showLadder,
  act: state => ACTS[state.act].show(stages[state.stage], state.at),
  notes: state => html("article", { class: "notes" }, said(stages[state.stage].notes)),
  handout: state => showHandout(state.stage),
  section: state => html("article", { class: "notes" }, said(data.sections[state.section].html)),
  review: showReview,
  teacher: showTeacher,
  search: showSearch,
  nothing: state => make("div", { class: "nothing" }, make("p", {}, word("nothing", state.hash)), make("p", {}, link({ view: "ladder" }, {}, word("nothing.do")))),
};

// Shows a state, in which the page then is.
function arrive(state) {
  [before, here] = [here, state];
  document.documentElement.lang = here.lang;
  document.body.className = here.view === "act" ? `in-act in-${here.act}` : `in-${here.view}`;
  document.title = [titleOf(here), word("title")].filter(Boolean).join(" · ");
  const focused = document.activeElement?.id || document.activeElement?.dataset?.view;
  find("bar").replaceChildren(...bar());
  find("main").replaceChildren(SHOW[here.view](here));
  if (focused) (document.getElementById(focused) ?? document.querySelector(`[data-view="${CSS.escape(focused)}"]`))?.focus();
  document.querySelector("#bar [aria-current], #tabs [aria-current]")?.scrollIntoView({ block: "nearest", inline: "nearest" });
  const now = document.querySelectorAll(".flow > .now");
  if (now.length) now[now.length - 1].scrollIntoView({ block: "end" });
  else if (address(here) !== address(before)) scrollTo(0, 0);
  if (here.view !== "teacher") send({ at: here });
}

function titleOf(state) {
  if (state.stage !== undefined) return said(stages[state.stage].title);
  if (state.section !== undefined) return said(data.sections[state.section].title);
  if (state.view === "review") return said(stages[state.to].title);
  return state.view === "search" || state.view === "teacher" ? word(state.view) : null;
}

function bar() {
  const items = [here.view === "ladder" ? make("h1", {}, word("title"))
    : make("h1", {}, link({ view: "ladder" }, { id: "home", title: word("ladder"), "aria-label": word("ladder") }, "☰"), " ", titleOf(here) ?? word("title"))];
  const at = here.stage;
  if (at !== undefined) {
    const tab = (state, text) => link(state, { "aria-current": state.view === here.view && state.act === here.act ? "true" : null, "data-act": state.act ?? state.view }, text);
    items.push(make("nav", { id: "acts", "aria-label": word("views") },
      ...actsOf(stages[at]).map(act => tab({ view: "act", stage: at, act, at: 0 }, word(ACTS[act].key))),
      tab({ view: "notes", stage: at }, word("notes")),
      link({ view: "review", from: Math.max(0, at - 1), to: at, file: reviewFiles(Math.max(0, at - 1), at)[0].path }, { "data-act": "review" }, word("review")),
      tab({ view: "handout", stage: at }, word("handout"))));
  }
  if (here.view === "act") items.push(make("span", { id: "position" }, `${here.at + 1}/${ACTS[here.act].count(stages[at])}`));
  const button = (id, text, onclick) => make("button", { id, title: word(id), "aria-label": word(id), onclick }, text);
  items.push(make("nav", { id: "look", "aria-label": word("keys") },
    button("smaller", "A−", () => zoom(1 / 1.15)), button("larger", "A+", () => zoom(1.15)),
    button("light", "◐", () => colour(isDark() ? "light" : "dark")),
    make("button", { id: "language", lang: here.lang === "ko" ? "en" : "ko", onclick: otherLanguage }, word("language")),
    button("keys", "?", toggleKeys)));
  return items;
}

// The state one step on or back: within an act, then in the next act, then in the next stage.
function neighbour(state, by) {
  const at = state.at + by;
  const stage = stages[state.stage];
  if (at >= 0 && at < ACTS[state.act].count(stage)) return { ...state, at };
  // Steps leave the quiz out: it is opened by its tab.
  const acts = stage => actsOf(stage).filter(act => act !== "quiz");
  const next = acts(stage).indexOf(state.act) + by;
  if (state.act === "quiz") return null;
  const target = index => {
    const all = acts(stages[index]);
    const act = by > 0 ? all[0] : all[all.length - 1];
    return { ...state, stage: index, act, at: by > 0 ? 0 : ACTS[act].count(stages[index]) - 1 };
  };
  if (next >= 0 && next < acts(stage).length) {
    const act = acts(stage)[next];
    return { ...state, act, at: by > 0 ? 0 : ACTS[act].count(stage) - 1 };
  }
  return stages[state.stage + by] ? target(state.stage + by) : null;
}

function move(by) {
  if (here.view === "ladder" && by > 0) return go({ view: "act", stage: 0, act: actsOf(stages[0])[0], at: 0 });
  if (here.view !== "act") return;
  const next = neighbour(here, by);
  if (next) go(next, next.act === here.act && next.stage === here.stage);
  else if (by < 0) go({ view: "ladder" });
}

// A handout of a stage: the diff with both names, folds open, and the table of the wire.
function showHandout(index) {
  const from = Math.max(0, index - 1);
  const files = reviewFiles(from, index).filter(file => index === 0 || file.added + file.removed > 0);
  const rows = index === 0 ? [] : different(from, index);
  const table = rows.length ? wireTable(rows, from, index)
    : make("p", {}, index === 0 ? word("first") : word("same", stages[from].name, stages[index].name, data.wire.length));
  for (const details of table.querySelectorAll("details")) details.open = true;
  return make("article", { class: "handout" }, make("h1", {}, said(stages[index].title)), make("h2", {}, word("handout.diff")),
    ...files.map(file => make("section", {}, make("h3", {}, file.path), reviewCode(file, from, index, true))),
    make("h2", {}, word("handout.wire")), make("div", { class: "wire" }, table));
}

function zoom(factor) {
  const size = parseFloat(getComputedStyle(document.documentElement).getPropertyValue("--zoom")) || 1;
  resize(Math.min(2.5, Math.max(.5, size * factor)).toFixed(3));
}
function resize(size) {
  document.documentElement.style.setProperty("--zoom", size);
  keep("zoom", size);
}
function colour(theme) {
  document.documentElement.className = theme;
  keep("theme", theme);
}
function isDark() {
  const theme = document.documentElement.className;
  return theme ? theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}
function otherLanguage() {
  go({ ...here, lang: here.lang === "ko" ? "en" : "ko" });
}
function toggleKeys() {
  const dialog = find("key-list");
  if (dialog.open) return dialog.close();
  dialog.replaceChildren(make("h2", {}, word("keys")), make("dl", {}, ...word("key.list").flatMap(([key, what]) => [make("dt", {}, key), make("dd", {}, what)])));
  dialog.showModal();
}
function fullScreen() {
  if (document.fullscreenElement) document.exitFullscreen();
  else document.documentElement.requestFullscreen?.().catch(() => {});
}

// A stage by its number. A second digit may follow for a moment, where a stage has such a number.
let digits = "";
let digitsTimer = 0;
function digit(key) {
  digits += key;
  clearTimeout(digitsTimer);
  const choose = () => {
    const index = stages.findIndex(stage => String(stage.number) === digits);
    digits = "";
    if (index >= 0) go({ view: "act", stage: index, act: actsOf(stages[index])[0], at: 0 });
  };
  const more = stages.some(stage => String(stage.number).startsWith(digits) && String(stage.number) !== digits);
  if (more) digitsTimer = setTimeout(choose, 700);
  else choose();
}

const KEYS = {
  __proto__: null,
  " ": () => move(1), PageDown: () => move(1), PageUp: () => move(-1),
  ArrowRight: () => here.view === "review" ? stepReview(1) : move(1), ArrowLeft: () => here.view === "review" ? stepReview(-1) : move(-1),
  ArrowDown: () => move(1), ArrowUp: () => move(-1),
  Home: () => go({ ...here, at: 0 }, true), End: () => go({ ...here, at: ACTS[here.act].count(stages[here.stage]) - 1 }, true),
  f: fullScreen, l: otherLanguage, n: openTeacher, "/": () => go({ view: "search", text: "" }), "?": toggleKeys,
  Escape: () => go({ view: "ladder" }),
};
// In a view without steps these keys scroll.
const SCROLLING = [" ", "PageDown", "PageUp", "ArrowDown", "ArrowUp", "Home", "End"];

function pressed(event) {
  if (event.altKey || event.ctrlKey || event.metaKey || find("key-list").open && event.key !== "?") return;
  const { target, key } = event;
  const types = target.matches("input, select, textarea");
  if (types && !(key === "Escape" && target.matches("input"))) return;
  // With Tab a reader can be on a button, which Space presses.
  if (key === " " && target.matches("button, summary")) return;
  if (/^[0-9]$/.test(key)) return digit(key);
  if (here.view === "teacher" && SCROLLING.includes(key)) {
    if (![" ", "PageDown", "PageUp"].includes(key)) return;
    event.preventDefault();
    return send({ move: key === "PageUp" ? -1 : 1 });
  }
  if (SCROLLING.includes(key) && here.view !== "act" && !(here.view === "ladder" && (key === " " || key === "PageDown"))) return;
  const action = KEYS[key.length === 1 ? key.toLowerCase() : key];
  if (!action) return;
  event.preventDefault();
  action();
}

function readAddress() {
  const state = parse(location.hash);
  if (state) {
    if (location.hash && address(state) !== location.hash) history.replaceState(null, "", address(state));
    arrive(state);
  } else {
    arrive({ lang: here.lang, view: "nothing", hash: location.hash });
  }
}

// An act is printed as the handout of its stage.
let printed = null;
addEventListener("beforeprint", () => {
  if (here.view !== "act") return;
  printed = here;
  arrive({ lang: here.lang, view: "handout", stage: here.stage });
});
addEventListener("afterprint", () => {
  if (printed) arrive(printed);
  printed = null;
});

async function start() {
  const packed = Uint8Array.from(atob(find("data").textContent), letter => letter.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  data = await new Response(stream).json();
  stages = data.stages;
  find("data").remove();
  if (kept("zoom")) resize(kept("zoom"));
  if (kept("theme")) colour(kept("theme"));
  addEventListener("keydown", pressed);
  addEventListener("hashchange", readAddress);
  addEventListener("popstate", readAddress);
  channel?.addEventListener("message", event => receive(event.data));
  addEventListener("message", event => { if (event.data?.page) { sent.window = event.source; receive(event.data.page); } });
  setInterval(tick, 1000);
  // A swipe is a step, on a telephone or a tablet.
  let touch = null;
  addEventListener("touchstart", event => { touch = event.changedTouches[0]; }, { passive: true });
  addEventListener("touchend", event => {
    const end = event.changedTouches[0];
    if (touch && here.view === "act" && Math.abs(end.clientX - touch.clientX) > 60 && Math.abs(end.clientY - touch.clientY) < 40) move(end.clientX < touch.clientX ? 1 : -1);
  }, { passive: true });
  readAddress();
  if (here.view === "teacher") send({ hello: true });
}
start();
