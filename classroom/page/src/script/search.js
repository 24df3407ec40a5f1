// The search: a text in the code of all stages and in the notes, wherever it stands first.
const MAX_FOUND = 60;

function showSearch({ text }) {
  const input = make("input", { type: "search", id: "search-text", value: text, "aria-label": word("search.for"), placeholder: word("search.for"), autocomplete: "off" });
  const results = make("div", { class: "results" });
  const look = () => {
    results.replaceChildren(...found(input.value));
    here.text = input.value;
    history.replaceState(null, "", address(here));
  };
  input.oninput = look;
  queueMicrotask(() => { input.focus(); input.setSelectionRange(text.length, text.length); });
  results.append(...found(text));
  return make("div", { class: "search" }, make("label", {}, input), results);
}

function found(text) {
  const wanted = text.trim().toLowerCase();
  if (wanted.length < 2) return [];
  const places = [...foundInCode(wanted), ...foundInNotes(wanted)];
  if (!places.length) return [make("p", {}, word("search.none", text))];
  const shown = places.slice(0, MAX_FOUND);
  return [make("p", { class: "faint" }, word("search.found", places.length)), ...shown,
    ...places.length > shown.length ? [make("p", { class: "faint" }, word("search.more", places.length - shown.length))] : []];
}

// A line of code is found once, in the first stage that has it.
function foundInCode(wanted) {
  const lines = new Set(data.lines.flatMap((line, index) => line.filter((_, place) => place % 2).join("").toLowerCase().includes(wanted) ? [index] : []));
  const places = [];
  stages.forEach((stage, index) => {
    for (const [path, numbers] of Object.entries(stage.files)) {
      numbers.forEach((line, number) => {
        if (!lines.delete(line)) return;
        places.push(link({ view: "review", from: Math.max(0, index - 1), to: index, file: path }, { class: "place" },
          make("small", {}, `${word("search.code")} ${stage.name} · ${path}:${number + 1}`), make("code", {}, ...pieces(data.lines[line], []))));
      });
    }
  });
  return places;
}

function foundInNotes(wanted) {
  const sections = [
    ...stages.map((stage, index) => [stage.title, stage.notes, { view: "notes", stage: index }]),
    ...data.sections.map((section, index) => [section.title, section.html, { view: "section", section: index }]),
  ];
  return sections.flatMap(([title, text, state]) => {
    const body = html("div", {}, said(text));
    return [...body.querySelectorAll("p, li, td, pre")].filter(part => !part.querySelector("p, li") && part.textContent.toLowerCase().includes(wanted))
      .map(part => link(state, { class: "place" }, make("small", {}, `${word("search.notes")} ${said(title)}`), around(part.textContent, wanted)));
  });
}

// The text around what was found.
function around(text, wanted) {
  const at = text.toLowerCase().indexOf(wanted);
  const start = Math.max(0, at - 60);
  return make("span", {}, start ? "…" : "", text.slice(start, at), make("mark", {}, text.slice(at, at + wanted.length)),
    text.slice(at + wanted.length, at + wanted.length + 100), at + wanted.length + 100 < text.length ? "…" : "");
}
