// The teacher's window: the lesson plan with a clock against its minutes, beside what the class sees. It is the same page
// in a second window; both tell each other where they are.

const channel = "BroadcastChannel" in window ? new BroadcastChannel("how-a-networked-program-grows-up") : null;
// Where the other window is, as far as it has said so.
let shown = null;
let clock = null;

const planNames = () => [...stages.map(stage => stage.name), ...data.sections.map(section => section.id)];
const planOf = name => stages.find(stage => stage.name === name)?.plan ?? data.sections.find(section => section.id === name)?.plan;

// The name of the plan for what is shown.
function planHere(state) {
  if (state.stage !== undefined) return stages[state.stage].name;
  if (state.section !== undefined) return data.sections[state.section].id;
  return state.to !== undefined ? stages[state.to].name : stages[0].name;
}

function openTeacher() {
  window.open(address({ lang: here.lang, view: "teacher", plan: planHere(here) }), "teacher", "popup,width=1000,height=800");
}

function send(message) {
  message = { ...message, id: `${Date.now()} ${Math.random()}` };
  channel?.postMessage(message);
  // In some browsers the channel does not connect two windows of a file. So each message also goes to the window that
  // has opened this one, and to the window from which a message has come.
  for (const other of [window.opener, sent.window]) if (other && !other.closed) other.postMessage({ page: message }, "*");
}
const sent = { window: null };
let lastId = null;

function receive(message) {
  // The same message can come over the channel and from the other window.
  if (message.id === lastId) return;
  lastId = message.id;
  if (here.view === "teacher") {
    if (!message.at) return;
    shown = message.at;
    const plan = planHere(shown);
    if (plan !== here.plan) go({ view: "teacher", plan }, true);
    else arrive(here);
  } else if (message.move) {
    move(message.move);
  } else if (message.hello) {
    send({ at: here });
  }
}

function showTeacher({ plan: name }) {
  const found = planOf(name);
  const stage = stages.find(stage => stage.name === name);
  const title = said(stage?.title ?? data.sections.find(section => section.id === name).title);
  const plan = found?.[here.lang];
  const controls = make("div", { class: "controls" },
    make("button", { id: "previous", onclick: () => send({ move: -1 }) }, `← ${word("previous")}`),
    make("button", { id: "forward", onclick: () => send({ move: 1 }) }, `${word("forward")} →`),
    make("button", { id: "clock", onclick: toggleClock }, clock ? word("clock.stop") : word("clock")),
    make("output", { id: "time", "aria-live": "off" }));
  const element = make("div", { class: "teacher" }, make("h2", {}, title), controls, make("p", { class: "shown" }, ...shownNow()));
  if (!plan) {
    element.append(make("p", {}, word("noplan")));
    return element;
  }
  let from = 0;
  const parts = plan.parts.map(part => {
    const row = make("tr", { "data-from": from, "data-to": from + part.minutes },
      html("td", {}, part.name), make("td", {}, word("minutes", part.minutes)), html("td", {}, part.project),
      make("td", {}, part.command ? make("code", {}, part.command) : ""));
    from += part.minutes;
    return row;
  });
  element.append(make("table", { class: "parts" }, ...parts));
  for (const [index, [leadIn, text]] of plan.paragraphs.entries()) {
    if (index === 1 || index === 7) continue;
    element.append(make("h3", {}, leadIn), html("div", {}, text));
  }
  element.append(make("h3", {}, word("quiz")), make("ol", {}, ...plan.quiz.map(([question, answer]) =>
    make("li", {}, html("span", {}, question), make("details", {}, make("summary", {}, word("show.answer")), html("span", {}, answer))))));
  queueMicrotask(tick);
  return element;
}

// What the class sees now, and what comes next.
function shownNow() {
  if (!shown) return [word("alone")];
  const next = shown.view === "act" ? neighbour(shown, 1) : null;
  return [make("b", {}, `${word("now")}: `), nameOf(shown), make("br"), make("b", {}, `${word("next")}: `), next ? nameOf(next) : word("end")];
}

function nameOf(state) {
  const name = state.stage === undefined ? "" : stages[state.stage].name;
  if (state.view !== "act") return `${name} ${word(state.view in WORDS.en ? state.view : "ladder")}`;
  return `${name}, ${word(ACTS[state.act].key)}, ${state.at + 1}/${ACTS[state.act].count(stages[state.stage])}: ${textOf(state)}`;
}

// What a position is about, in a few words.
function textOf(state) {
  const stage = stages[state.stage];
  if (state.act === "happens") {
    const event = happensFrames(stage)[state.at].items.find(isShown);
    return event.t === "typed" ? said(event.step.text) : event.start ?? event.text ?? event.t.toUpperCase();
  }
  if (state.act === "code") {
    const hunk = stage.hunks[codeFrames(stage)[state.at][0]];
    return `${hunk.path} ${hunk.of.join("/")}`;
  }
  if (state.act === "wire") return wireFrames(stage)[state.at]?.[0].case ?? "–";
  const [capture, index] = state.act === "quiz" ? quizFrames(stage)[state.at] : captureAt(stage, state.at);
  const row = capture.rows[index];
  return row.call?.text ?? row.segment?.label ?? "…";
}

function toggleClock() {
  clock = clock ? null : { start: Date.now() };
  find("clock").textContent = clock ? word("clock.stop") : word("clock");
  tick();
}

// Shows the time since the start, and marks the part of the plan in which the lesson should be.
function tick() {
  const output = find("time");
  if (!output || here.view !== "teacher") return;
  const plan = planOf(here.plan)?.[here.lang];
  const seconds = clock ? Math.floor((Date.now() - clock.start) / 1000) : 0;
  output.textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")} ${plan ? word("of.minutes", plan.minutes) : ""}`;
  output.className = plan && seconds > plan.minutes * 60 ? "late" : "";
  for (const row of document.querySelectorAll(".parts tr")) {
    row.classList.toggle("current", !!clock && seconds >= row.dataset.from * 60 && seconds < row.dataset.to * 60);
  }
}
