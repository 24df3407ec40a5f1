// The page of the board. The board writes the file board-data.js anew, and this script loads it again and again, which
// works without a server. What students wrote is put into the page as text alone (textContent).
"use strict";

/** The time between two looks at the data, in milliseconds. */
const PERIOD = 500;
/** After how many looks at the same data the page says that the board has ended. */
const STALE_LOOKS = 12;

/** The texts of the page: a name, English, Korean. {0}, {1} stand for the parts. */
const WORDS = {
  stuck: ["{0} of {1}: {2}", "{1}명 가운데 {0}명: {2}"],
  all: ["Done: {0} of {0}", "{0}명 모두 마쳤습니다"],
  fine: ["No case fails", "실패한 케이스가 없습니다"],
  empty: ["No student yet", "아직 학생이 없습니다"],
  join: ["Type this in the folder of the course:", "수업 폴더에서 이렇게 입력하세요."],
  passed: ["passed", "통과"],
  partly: ["partly", "일부 통과"],
  failed: ["failed", "실패"],
  waiting: ["not yet", "검사 전"],
  understood: ["understood", "통함"],
  misunderstood: ["not understood", "통하지 않음"],
  untried: ["not tried", "아직 시도 안 함"],
  away: ["pale: away", "흐림: 자리 비움"],
  stage: ["stage {0}", "{0}단계"],
  messages1: ["1 message is no report", "보고가 아닌 메시지 1개"],
  messages: ["{0} messages are no reports", "보고가 아닌 메시지 {0}개"],
  left: ["{0} more have no row", "표시되지 않은 학생 {0}명"],
  full: ["The server's list is nearly full: end the board and start it again", "서버의 목록이 거의 가득 찼습니다. 보드를 끝내고 다시 시작하세요"],
  stale: ["The board has ended; this is its last state", "보드가 끝났습니다. 마지막 상태입니다"],
  pairs: ["Pairs", "짝"],
  rows: ["Cases", "케이스"],
  hide: ["Hide names", "이름 숨기기"],
  show: ["Show names", "이름 보이기"],
  dark: ["Dark", "어둡게"],
  light: ["Light", "밝게"],
  other: ["한국어", "English"],
  grid: ["client ↓ server →", "클라이언트 ↓ 서버 →"],
};

let data = null;
let shown = "";
let same = 0;
let korean = false;
let hidden = false;
let pairs = location.hash === "#pairs";
/** How many cases a mark stands for. */
let step = 1;
/** The marks that were shown last, so that a new one can be seen. */
let before = new Map();

const element = id => document.getElementById(id);
const say = (name, ...parts) => WORDS[name][korean ? 1 : 0].replace(/\{(\d)\}/g, (_, at) => parts[at]);

/** An element with these classes and this text. */
function make(tag, classes, text) {
  const made = document.createElement(tag);
  if (classes) made.className = classes;
  if (text !== undefined) made.textContent = text;
  return made;
}

/** Called by board-data.js. */
function board(next) {
  same = data && next.count === data.count ? same + 1 : 0;
  if (!data) korean = next.lang === "ko";
  data = next;
  // The count changes each time that the board writes.
  const state = JSON.stringify([{ ...next, count: 0 }, same > STALE_LOOKS]);
  if (state === shown) return;
  shown = state;
  draw();
}

/** Loads the data anew. */
function look() {
  const script = document.createElement("script");
  script.src = `board-data.js?n=${Date.now()}`;
  const again = () => {
    script.remove();
    setTimeout(look, PERIOD);
  };
  script.onload = again;
  script.onerror = () => {
    same++;
    if (data && same === STALE_LOOKS + 1) draw();
    again();
  };
  document.head.append(script);
}

function draw() {
  if (!data) return;
  document.documentElement.lang = korean ? "ko" : "en";
  const hasPairs = data.pairs.clients.length > 0;
  element("top").textContent = top_line();
  element("pairs").hidden = !hasPairs;
  element("pairs").textContent = say(pairs ? "rows" : "pairs");
  element("names").hidden = data.hide;
  element("names").textContent = say(hidden ? "show" : "hide");
  element("light").textContent = say(is_dark() ? "light" : "dark");
  element("language").textContent = say("other");
  element("join").textContent = data.rows.length ? data.join : "";
  const notices = [];
  if (same > STALE_LOOKS) notices.push(say("stale"));
  if (data.notice) notices.push(data.notice);
  if (data.nearly_full) notices.push(say("full"));
  if (data.left_out) notices.push(say("left", data.left_out));
  if (data.no_reports) notices.push(say(data.no_reports === 1 ? "messages1" : "messages", data.no_reports));
  element("notice").textContent = notices.join(" · ");
  const grid = pairs && hasPairs;
  const main = element("main");
  main.replaceChildren(data.rows.length ? (grid ? pair_grid(main) : columns(main)) : no_rows());
  draw_legend(grid);
}

function top_line() {
  const { stuck, rows } = data;
  if (!rows.length) return say("empty");
  if (stuck) return say("stuck", stuck.count, stuck.of, stuck.id);
  return rows.every(row => /^p+$/.test(row.marks)) ? say("all", rows.length) : say("fine");
}

function no_rows() {
  const empty = make("p", "empty", say("join"));
  empty.append(document.createElement("br"), make("code", "", data.join));
  return empty;
}

function draw_legend(grid) {
  const legend = grid
    ? [["passed", "understood"], ["failed", "misunderstood"], ["untried", "untried"]]
    : [["passed", "passed"], ["failed", "failed"], ["waiting", "waiting"]];
  if (!grid && step > 1) legend.splice(1, 0, ["partly", "partly"]);
  const parts = legend.flatMap(([shape, word]) => [mark(shape, .5), make("span", "", say(word))]);
  if (data.rows.some(row => row.away)) parts.push(make("span", "", ""), make("span", "", say("away")));
  element("legend").replaceChildren(...parts);
}

/** A dot, a cross, or a part of a dot. */
function mark(kind, part) {
  const made = make("span", `mark ${kind}`);
  if (kind === "partly") made.style.setProperty("--part", `${part * 100}%`);
  return made;
}

/** The mark with its text for those who point at it or hear it. It moves for a moment where it is new. */
function mark_at(key, kind, part, text) {
  const made = mark(kind, part);
  made.title = text;
  made.setAttribute("role", "img");
  made.setAttribute("aria-label", text);
  const state = `${kind}${part}`;
  if (before.has(key) && before.get(key) !== state && kind !== "waiting") made.classList.add("fresh");
  before.set(key, state);
  return made;
}

function name_of(row) {
  return hidden || !row.name ? `${row.number}` : row.name;
}

/** The groups that the stages on the board have, in the order of the contract. */
function groups_shown() {
  const used = new Set(data.rows.flatMap(row => data.stages[row.stage].map(one => one[1])));
  return data.groups.map((names, at) => ({ at, name: names[korean ? 1 : 0] })).filter(group => used.has(group.at));
}

/** The letters' width of the longest of these words, in units of their height. */
function widest(words) {
  const pen = document.createElement("canvas").getContext("2d");
  pen.font = `100px ${getComputedStyle(document.body).fontFamily}`;
  return Math.max(...words.map(word => pen.measureText(word).width)) / 100;
}

/** How the rows are laid out. More columns give larger letters, and fewer columns give more marks a student: of the plans
 * whose letters are large, the one with the most marks. */
function layout(width, height, names, sizes) {
  const small = Math.min(22, Math.max(13, innerWidth * .0115));
  const gap = innerWidth * .02;
  const longest = widest(names);
  const plans = [];
  for (const count of [1, 2, 3, 4]) {
    const rows = Math.ceil(data.rows.length / count);
    const wide = (width - gap * (count - 1)) / count;
    for (const upright of [false, true]) {
      const heads = small * (upright ? longest + .6 : 2);
      const high = (height - heads) / rows;
      const letter = Math.min(high * .68, innerHeight * .05, wide / (9.5 + names.length * 1.1));
      const marks = marks_in(wide - letter * 9.5, high, letter, sizes);
      const narrow = marks.across.some((across, at) => (across + .6) * marks.dot < small * (widest([names[at]]) + .3));
      if (upright || !narrow) plans.push({ count, rows, letter, heads, upright, small, high, ...marks });
    }
  }
  const most = Math.max(...plans.map(plan => plan.letter));
  const large = plans.filter(plan => plan.letter >= most * .7);
  const plan = large.reduce((best, plan) =>
    plan.step < best.step || (plan.step === best.step && plan.letter > best.letter * 1.001) ? plan : best);
  step = plan.step;
  return { ...plan, row: Math.min(plan.high, Math.max(plan.letter * 2, plan.lines * plan.dot * 1.15)) };
}

/** How many cases a mark stands for, so that the marks can be seen; in several lines where the rows are high. */
function marks_in(room, high, letter, sizes) {
  for (let step = 1; ; step++) {
    let best = null;
    for (const lines of [1, 2, 3, 4]) {
      const across = sizes.map(size => Math.ceil(Math.ceil(size / step) / lines));
      const dot = Math.min(room / across.reduce((sum, one) => sum + one + .6, 0), high * .9 / lines, letter);
      if (!best || dot > best.dot * 1.1) best = { step, lines, across, dot };
    }
    if (best.dot >= letter * .75 || step >= Math.max(...sizes)) return best;
  }
}

function columns(main) {
  const style = getComputedStyle(main);
  const width = main.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
  const groups = groups_shown();
  const sizes = groups.map(group => Math.max(...data.rows.map(row =>
    data.stages[row.stage].filter(one => one[1] === group.at).length)));
  const plan = layout(width, main.clientHeight - 4, groups.map(group => group.name), sizes);
  const parts = plan.across.map(across => `minmax(0, ${across + .6}fr)`);
  const template = `${plan.letter * 9.5}px ${parts.join(" ")}`;
  const all = make("div", "columns");
  all.style.gridTemplateColumns = `repeat(${plan.count}, minmax(0, 1fr))`;
  all.style.setProperty("--row", `${plan.row}px`);
  all.style.setProperty("--letter", `${plan.letter}px`);
  all.style.setProperty("--dot", `${plan.dot}px`);
  all.style.setProperty("--mark", `${plan.dot * .84}px`);
  all.style.setProperty("--head-letter", `${plan.small}px`);
  all.style.setProperty("--heads", `${plan.heads}px`);
  const stages = new Set(data.rows.map(row => row.stage));
  for (let at = 0; at < data.rows.length; at += plan.rows) {
    const column = make("section", "column");
    const heads = make("div", plan.upright ? "heads upright" : "heads");
    heads.style.gridTemplateColumns = template;
    heads.append(make("b", "", stages.size === 1 ? say("stage", data.rows[0].stage) : ""));
    heads.append(...groups.map(group => make("span", "", group.name)));
    column.append(heads);
    for (const row of data.rows.slice(at, at + plan.rows)) {
      column.append(one_row(row, groups, plan, template, stages.size > 1));
    }
    all.append(column);
  }
  // What is not shown any more is forgotten.
  for (const key of before.keys()) if (!shown_keys.has(key)) before.delete(key);
  shown_keys.clear();
  return all;
}

const shown_keys = new Set();

function one_row(row, groups, plan, template, tellStage) {
  const line = make("div", row.away ? "row away" : "row");
  line.style.gridTemplateColumns = template;
  const name = make("div", "name");
  name.append(make("bdi", "", name_of(row)));
  if (tellStage) name.append(make("span", "stage", say("stage", row.stage)));
  line.append(name);
  const cases = data.stages[row.stage].map(([id, group], at) => ({ id, group, kind: row.marks[at] }));
  groups.forEach((group, place) => {
    const own = cases.filter(one => one.group === group.at);
    const cell = make("div", "group");
    cell.style.gridTemplateColumns = `repeat(${plan.across[place]}, var(--dot))`;
    for (let at = 0; at < own.length; at += plan.step) {
      cell.append(mark_of(row, group.name, own.slice(at, at + plan.step)));
    }
    line.append(cell);
  });
  return line;
}

/** The mark of one or more cases of a group. */
function mark_of(row, group, cases) {
  const key = `${row.place} ${row.stage} ${cases[0].id} ${cases.length}`;
  shown_keys.add(key);
  const passed = cases.filter(one => one.kind === "p").length;
  const failed = cases.filter(one => one.kind === "f");
  if (failed.length) {
    const ids = failed.map(one => one.id).join(", ");
    return mark_at(key, "failed", 1, `${say("failed")}: ${ids}`);
  }
  const kind = passed === cases.length ? "passed" : passed ? "partly" : "waiting";
  const text = cases.length === 1 ? `${cases[0].id}: ${say(kind)}` : `${group}: ${passed}/${cases.length}`;
  return mark_at(key, kind, passed / cases.length, text);
}

function pair_grid(main) {
  const { clients, servers, cells } = data.pairs;
  const row_at = at => data.rows[at];
  const width = main.clientWidth * .97, height = main.clientHeight - 8;
  const row = Math.min(height / (clients.length + 1), innerHeight * .075, width / (servers.length + 4));
  const letter = row * .66;
  const names = Math.min(letter * 10.5, width - servers.length * row);
  const cell = Math.min(row * 1.6, (width - names) / Math.max(servers.length, 1));
  const table = make("table", "grid");
  for (const [name, size] of [["row", row], ["letter", letter], ["name", names], ["cell", cell], ["mark", row * .56]]) {
    table.style.setProperty(`--${name}`, `${size}px`);
  }
  const head = make("tr");
  head.append(make("th", "", say("grid")));
  for (const server of servers) {
    const number = make("th", row_at(server).away ? "away" : "", `${row_at(server).number}`);
    number.title = name_of(row_at(server));
    head.append(number);
  }
  const body = make("tbody");
  clients.forEach((client, at) => {
    const line = make("tr", row_at(client).away ? "away" : "");
    const name = make("th");
    name.append(make("b", "", `${row_at(client).number}`));
    if (name_of(row_at(client)) !== `${row_at(client).number}`) name.append(make("bdi", "", name_of(row_at(client))));
    line.append(name);
    servers.forEach((server, to) => {
      const [kind, word] = {
        "+": ["passed", "understood"], "-": ["failed", "misunderstood"], ".": ["untried", "untried"],
      }[cells[at][to]] || [];
      const box = make("td", kind ? "" : "none");
      if (kind) {
        const text = `${name_of(row_at(client))} → ${name_of(row_at(server))}: ${say(word)}`;
        box.append(mark_at(`pair ${row_at(client).place} ${row_at(server).place}`, kind, 1, text));
      }
      line.append(box);
    });
    body.append(line);
  });
  const top = make("thead");
  top.append(head);
  table.append(top, body);
  return table;
}

function is_dark() {
  const { classList } = document.documentElement;
  return classList.contains("dark") || (!classList.contains("light") && matchMedia("(prefers-color-scheme: dark)").matches);
}

const ACTIONS = {
  pairs: () => {
    pairs = !pairs;
    history.replaceState(null, "", pairs ? "#pairs" : "#");
  },
  names: () => { hidden = !hidden; },
  light: () => {
    const dark = is_dark();
    document.documentElement.classList.toggle("light", dark);
    document.documentElement.classList.toggle("dark", !dark);
  },
  language: () => { korean = !korean; },
};
for (const [id, action] of Object.entries(ACTIONS)) {
  const button = element(id);
  button.onclick = () => {
    action();
    draw();
  };
  addEventListener("keydown", event => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key.toLowerCase() === button.getAttribute("aria-keyshortcuts") && !button.hidden) button.click();
  });
}
addEventListener("hashchange", () => {
  pairs = location.hash === "#pairs";
  draw();
});
addEventListener("resize", draw);
look();
