// Segments: the captures of a stage in three columns, the calls of the client and of the server beside the segments that
// they send. The quiz is the same with the next segment hidden.

// A capture with many rows is shown without those in its middle, which are like the ones before them.
const MAX_ROWS = 72;
const [FIRST_ROWS, LAST_ROWS] = [36, 24];

function capturesOf(stage) {
  return stage.shownCaptures ??= stage.captures.map(name => {
    const { what, rows } = data.captures[name];
    if (rows.length <= MAX_ROWS) return { what, rows };
    const gap = { gap: rows.length - FIRST_ROWS - LAST_ROWS };
    return { what, rows: [...rows.slice(0, FIRST_ROWS), gap, ...rows.slice(-LAST_ROWS)] };
  });
}
const captureCount = stage => capturesOf(stage).reduce((sum, capture) => sum + capture.rows.length, 0);

// The capture and the row at a position, counted over all captures of a stage.
function captureAt(stage, at) {
  for (const capture of capturesOf(stage)) {
    if (at < capture.rows.length) return [capture, at];
    at -= capture.rows.length;
  }
  return null;
}

function showCaptures(stage, at) {
  const [capture, last] = captureAt(stage, at);
  return captureView(stage, capture, last, false);
}

// The positions of the quiz: each segment that is more than an acknowledgement, hidden and then shown.
function quizFrames(stage) {
  return stage.quizFrames ??= capturesOf(stage).flatMap(capture => {
    const asked = capture.rows.flatMap((row, index) => row.segment && !row.segment.thin ? [index] : []);
    // The quiz asks for the first 24 of them; more would be the same kind again.
    return asked.slice(0, 24).flatMap(index => [[capture, index, true], [capture, index, false]]);
  });
}
const quizCount = stage => quizFrames(stage).length;

function showQuiz(stage, at) {
  const [capture, last, hidden] = quizFrames(stage)[at];
  return captureView(stage, capture, last, hidden);
}

function captureView(stage, capture, last, hidden) {
  const several = capture.rows.some(row => row.segment && row.segment.stream > 0);
  let stream = null;
  const rows = [];
  capture.rows.slice(0, last + 1).forEach((row, index) => {
    const now = index === last ? " now" : "";
    if (row.segment && several && row.segment.stream !== stream) {
      stream = row.segment.stream;
      rows.push(make("p", { class: "stream" }, word("connection", stream + 1)));
    }
    if (row.gap) {
      rows.push(make("p", { class: `stream${now}` }, word("gap", row.gap)));
    } else if (row.call) {
      rows.push(make("p", { class: `call ${row.call.who}${now}` }, make("code", {}, row.call.text),
        row.call.result === undefined || row.call.result === null ? null : make("code", { class: "result" }, ` = ${row.call.result}`)));
    } else {
      const { from, label, thin, flags, seq, ack } = row.segment;
      const kind = hidden && index === last ? "asked" : flags?.includes("RST") ? "rst" : thin ? "thin" : "";
      const side = kind === "asked" ? "both" : from === "client" ? "right" : "left";
      rows.push(make("div", { class: `segment${now}` }, make("div", { class: `arrow ${side} ${kind}` },
        make("p", { class: "label" }, kind === "asked" ? make("button", { onclick: () => move(1) }, word("quiz.hidden")) : label),
        make("i", { class: "shaft" }),
        kind === "asked" || seq === undefined ? null : make("small", {}, `Seq ${seq}${flags?.includes("ACK") || ack ? ` Ack ${ack}` : ""}`))));
    }
  });
  return make("div", { class: "capture" },
    hidden ? make("p", { class: "sentence" }, word("quiz.ask")) : html("p", { class: "sentence" }, said(capture.what)),
    make("div", { class: "columns" },
      make("b", {}, word("call.client")), make("b", {}, word("segment")), make("b", {}, word("call.server"))),
    make("div", { class: "flow" }, ...rows));
}
