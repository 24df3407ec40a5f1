// Act 1, what happens: the replay as it went over the wire. Programs are lifelines; a line is typed, and each message
// travels as an arrow. What is new in a message is large, and the rest is folded.

// The positions: what comes at one step. A connection opens with its first message. The end of a connection has a step
// of its own once in a scene, and so has a response to the same request.
function happensFrames(stage) {
  if (stage.happensFrames) return stage.happensFrames;
  const frames = [];
  let seenEnd = false;
  const seen = new Set();
  let asked = null;
  for (const [number, step] of stage.scene.entries()) {
    let frame = { items: [{ t: "typed", step }], step: number };
    frames.push(frame);
    const known = seenEnd;
    if (step.events.some(event => event.t === "fin")) seenEnd = true;
    let last = null;
    for (const event of step.events) {
      const kind = event.t === "prints" ? `prints ${event.who}` : event.t;
      // An exchange that the scene has shown before is shown as one.
      if (event.t === "data" && event.start) {
        const exchange = `${event.start} ${event.body}`;
        if (last === "data" && asked && seen.has(`${asked} ${exchange}`)) last = "again";
        if (event.to === "client" || event.to === "attacker") seen.add(`${asked} ${exchange}`);
        asked = event.to.startsWith("server") ? exchange : null;
      }
      const joins = event.t === "list" || (last === "connect" && event.t !== "connect") || last === "again" && event.t === "data"
        || (event.t === "fin" && (known || last === "fin")) || kind === last && event.t === "prints"
        || (event.t === "prints" && /^accepted a connection/.test(event.text));
      if (!joins) {
        frame = { items: [], step: number };
        frames.push(frame);
      }
      frame.items.push(event);
      if (event.t !== "list") last = kind;
    }
  }
  return stage.happensFrames = frames.filter(frame => frame.items.some(isShown));
}

// Whether an event is shown for itself. A client that prints the messages prints what the arrows say already.
function isShown(event) {
  return event.t !== "list" && !(event.t === "prints" && /^[→←]( |$)/.test(event.text));
}

function participant(name) {
  const [kind, number] = name.split(" ");
  return number && number !== "0" ? `${word(kind)} ${number}` : word(kind);
}

function showHappens(stage, at) {
  const frames = happensFrames(stage);
  const lifelines = stage.scene[0]?.lifelines ?? ["client", "server 1"];
  const several = lifelines.filter(name => name.startsWith("server")).length > 1;
  const place = name => lifelines.length === 1 ? 50 : 9 + 82 * Math.max(0, lifelines.indexOf(name)) / (lifelines.length - 1);
  const title = name => several ? participant(name) : participant(name.replace(/^(server) 1$/, "$1"));
  const ended = new Set();
  let list;
  const rows = [];
  frames.slice(0, at + 1).forEach((frame, number) => {
    for (const event of frame.items) {
      if (event.t === "list") { list = event.items; continue; }
      if (event.t === "ends") ended.add(event.who);
      if (event.t === "typed" && event.step.kind === "act") ended.clear();
      const row = happensRow(event, { place, title, now: number === at });
      if (row) rows.push(row);
    }
  });
  const line = name => `linear-gradient(var(--line),var(--line)) ${place(name)}% 0/2px 100% no-repeat local`;
  const heads = lifelines.map(name => make("b", { class: ended.has(name) ? "head ended" : "head", style: `left:${place(name)}%` }, title(name)));
  const keepsList = stage.scene.some(step => step.events.some(event => event.t === "list"));
  return make("div", { class: keepsList ? "scene has-list" : "scene" },
    make("div", { class: "heads" }, ...heads),
    make("div", { class: "flow", style: `background:${lifelines.map(line).join(",")}` }, ...rows),
    keepsList ? listPanel(list) : null);
}

function listPanel(items) {
  const content = items === undefined || items?.length === 0 ? [make("p", { class: "faint" }, word("list.empty"))]
    : items === null ? [make("p", { class: "faint" }, word("list.unknown"))]
      : [make("ol", { start: "0" }, ...items.map(item => make("li", {}, item)))];
  return make("aside", { class: "list" }, make("h3", {}, word("list")), ...content);
}

function happensRow(event, { place, title, now }) {
  const name = `row is-${event.t}${now ? " now" : ""}`;
  if (event.t === "typed") {
    const { step } = event;
    const at = place(step.who);
    return make("div", { class: `${name} kind-${step.kind}` },
      now && step.say ? make("p", { class: "sentence" }, said(step.say)) : null,
      make("p", { class: "typed", style: at > 50 ? `margin-left:auto;margin-right:${Math.max(0, 100 - at - 9)}%` : `margin-left:${Math.max(0, at - 9)}%` },
        make("code", {}, { type: "> ", run: "$ ", act: "" }[step.kind] + said(step.text) + (step.background ? " &" : ""))));
  }
  if (event.t === "prints" || event.t === "ends") {
    if (!isShown(event)) return null;
    const at = place(event.who);
    const status = event.t !== "ends" ? null : make("b", {},
      `${title(event.who)} ${event.signal ? word("ends.signal", event.signal) : word("ends.status", event.status)}`);
    return make("div", { class: name }, make("p", { class: "printed", style: at > 50 ? `margin-left:auto;margin-right:${Math.max(0, 100 - at - 9)}%` : `margin-left:${Math.max(0, at - 9)}%` },
      status, event.text ? make("code", {}, event.text) : null));
  }
  const [from, to] = [place(event.from), place(event.to)];
  const style = `left:${Math.min(from, to)}%;width:${Math.abs(from - to)}%`;
  const arrow = make("div", { class: `arrow ${from < to ? "right" : "left"} ${event.t}`, style }, arrowLabel(event, now), make("i", { class: "shaft" }));
  return make("div", { class: name }, arrow);
}

function arrowLabel(event, now) {
  if (event.t === "connect") return make("p", { class: "label small" }, word("connect"));
  if (event.t === "fin" || event.t === "rst") return make("p", { class: "label" }, make("b", {}, event.t.toUpperCase()));
  if (event.t === "many") return make("p", { class: "label" }, `${event.count} × ${event.what === "connect" ? word("connect") : event.what}`);
  if (event.text !== undefined) return make("p", { class: "label" }, make("code", {}, shownText(event.text)), " ", make("small", {}, word("bytes", event.bytes)));
  const label = make("div", { class: "label" }, make("code", { class: "start" }, event.start));
  if (!now) return label;
  const fresh = event.fields.filter(([, , isNew]) => isNew);
  const rest = event.fields.filter(([, , isNew]) => !isNew);
  const field = ([key, value]) => make("span", { class: "field" }, make("b", {}, `${key}: `), value);
  label.append(make("code", { class: "fields" }, ...fresh.map(field)));
  if (rest.length) {
    label.append(make("details", {}, make("summary", {}, word("fields", rest.length)), make("code", { class: "fields" }, ...rest.map(field))));
  }
  if (event.body) label.append(make("code", { class: "body" }, event.body.length > 300 ? `${event.body.slice(0, 300)}…` : event.body));
  return label;
}

// Text as a program would escape it, so that a line end can be seen.
function shownText(text) {
  return JSON.stringify(text).replace(/\\"/g, '"');
}
