// Act 2, what changes in the code: a piece of the difference at a time, with the sentence of the notes about it. A piece
// is shown as it was, and then as it is: removed lines fade, the others move to their new places, new lines come last.
const MOVE_TIME = 600;

// The positions: a piece with old lines has two.
function codeFrames(stage) {
  return stage.codeFrames ??= stage.hunks.flatMap((hunk, index) => {
    const old = hunk.rows.some(([tag]) => tag === "-");
    return old ? [[index, "old"], [index, "new"]] : [[index, "new"]];
  });
}

function showChange(stage, at) {
  const [index, phase] = codeFrames(stage)[at];
  const hunk = stage.hunks[index];
  const code = make("div", { class: `piece ${phase}` });
  code.append(...pieceRows(hunk, phase));
  if (hunk.left_out && phase === "old") code.append(make("p", { class: "left-out" }, word("left.out", hunk.left_out)));
  const element = make("div", { class: "change" },
    make("div", { class: "band" },
      make("p", { class: "where" }, make("b", {}, hunk.path), hunk.of[1] > 1 ? ` ${word("piece", ...hunk.of)}` : ""),
      html("p", { class: "sentence" }, said(hunk.sentence))),
    code);
  const earlier = before?.view === "act" && before.act === "code" && before.stage === here.stage && before.at === at - 1;
  if (earlier && phase === "new") moveRows(element, hunk, codeFrames(stage)[at - 1][0] === index);
  return element;
}

function pieceRows(hunk, phase) {
  const hidden = phase === "old" ? "+" : "-";
  return hunk.rows.flatMap(([tag, old, now, line, marks], row) => {
    if (tag === hidden) return [];
    const number = tag === "@" ? "" : phase === "old" ? old : now;
    return [codeRow(tag, number, line, marks, row)];
  });
}

// A line of code: number, sign, text. A line that is too long goes on below itself, at its indent.
function codeRow(tag, number, line, marks, row) {
  const words = data.lines[line] ?? [];
  const indent = words.length ? (words[1].match(/^ */)[0].length === words[1].length && words.length > 2 ? words[1].length : words[1].match(/^ */)[0].length) : 0;
  const text = make("span", { class: "text", style: `--indent:${indent + 2}` }, ...pieces(words, marks ?? []));
  const name = { "-": "gone", "+": "come", "@": "around", " ": "same" }[tag];
  return make("p", { class: `line ${name}`, "data-row": row ?? null },
    make("span", { class: "number" }, String(number ?? "")), make("span", { class: "sign" }, { "-": "−", "+": "+" }[tag] ?? ""), text);
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
      elements.push(make(marked ? "mark" : "span", name ? { class: name } : {}, text.slice(done, end)));
      done = end;
    }
    at += text.length;
  }
  return elements;
}

// Lets the rows of a piece that has just been put up come from where they were.
function moveRows(element, hunk, sameHunk) {
  if (matchMedia("(prefers-reduced-motion: reduce)").matches) return;
  const was = new Map();
  const leaving = [];
  if (sameHunk) {
    for (const row of document.querySelectorAll(".piece .line")) {
      was.set(row.dataset.row, row.getBoundingClientRect().top);
      if (row.classList.contains("gone")) leaving.push(row);
    }
  }
  requestAnimationFrame(() => {
    const piece = element.querySelector(".piece");
    const top = piece.getBoundingClientRect().top;
    for (const row of piece.querySelectorAll(".line")) {
      if (row.classList.contains("come")) {
        row.animate([{ opacity: 0 }, { opacity: 1 }], { duration: MOVE_TIME * .3, delay: MOVE_TIME * .7, fill: "backwards" });
      } else if (was.has(row.dataset.row)) {
        const by = was.get(row.dataset.row) - row.getBoundingClientRect().top;
        row.animate([{ transform: `translateY(${by}px)` }, { transform: "none" }],
          { duration: MOVE_TIME * .4, delay: MOVE_TIME * .3, fill: "backwards", easing: "ease-in-out" });
      }
    }
    for (const row of leaving) {
      const ghost = row.cloneNode(true);
      ghost.classList.add("ghost");
      ghost.style.top = `${was.get(row.dataset.row) - top}px`;
      piece.append(ghost);
      ghost.animate([{ opacity: 1 }, { opacity: 0 }], { duration: MOVE_TIME * .3, fill: "forwards" }).onfinish = () => ghost.remove();
    }
  });
}
