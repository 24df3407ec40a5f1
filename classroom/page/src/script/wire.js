// Act 3, what changes on the wire: the requests that the stage answers otherwise than the one before, one at a time.
// Its answer is hidden until the class has voted.

// The rows in which two stages differ.
function different(from, to) {
  return data.wire.filter(row => row.answers[from][0] !== row.answers[to][0]);
}

// The positions: each row twice, first with the answer hidden; one position where there is nothing to vote about.
function wireFrames(stage) {
  const index = stages.indexOf(stage);
  if (index === 0) return [null];
  return stage.wireFrames ??= (rows => rows.length ? rows.flatMap((row, number) => [[row, number, false], [row, number, true]]) : [null])(different(index - 1, index));
}

function showVotes(stage, at) {
  const index = stages.indexOf(stage);
  const frame = wireFrames(stage)[at];
  if (frame === null) {
    const sentence = index === 0 ? word("first") : word("same", stages[index - 1].name, stage.name, data.wire.length);
    return make("div", { class: "votes" }, make("p", { class: "sentence" }, sentence));
  }
  const [row, number, shown] = frame;
  const all = different(index - 1, index).length;
  const [old, now] = [row.answers[index - 1], row.answers[index]];
  const choices = choicesOf(row, index);
  const option = (text, letter) => make("li", { class: shown ? (text === now[0] ? "right" : "wrong") : "" },
    make("b", {}, `${letter} `), text);
  const side = (name, title, [short, full], hidden) => make("div", { class: `answer ${name}` },
    make("h3", {}, title), hidden
      ? make("button", { class: "hidden", onclick: () => move(1) }, "?")
      : make("p", { class: "short" }, short), hidden || !full ? null : make("pre", {}, full));
  return make("div", { class: "votes" },
    make("p", { class: "where" }, word("row", number + 1, all)),
    make("div", { class: "sent" }, make("h3", {}, word("sent")), make("p", { class: "short" }, row.case),
      row.sent ? make("pre", {}, row.sent) : null),
    make("div", { class: "answer-pair" }, side("old", stages[index - 1].name, old, false), side("new", stage.name, now, !shown)),
    make("div", { class: "vote" }, shown ? null : make("p", { class: "sentence" }, word("vote")),
      make("ol", { class: "choices" }, ...choices.map((text, place) => option(text, "ABCD"[place])))));
}

// What a class can vote for: the right answer, the one before, and others that servers give, in an order that says nothing.
function choicesOf(row, index) {
  const choices = new Set([row.answers[index][0], row.answers[index - 1][0]]);
  const others = [...row.answers.map(answer => answer[0]), ...data.wire.map(other => other.answers[index][0])];
  // Each further choice is of the same kind as the right answer: a status or a sentence.
  const kind = text => /^\d{3}/.test(text);
  for (const other of others) {
    if (choices.size >= 3) break;
    if (other && kind(other) === kind(row.answers[index][0])) choices.add(other);
  }
  return [...choices].sort();
}
