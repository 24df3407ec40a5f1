// The ladder: the stages as a picture, with the one idea of each and what each adds.

function showLadder() {
  const most = Math.max(...stages.map(stage => stage.added));
  const rows = stages.map((stage, index) => {
    const [, name, idea] = said(stage.title).match(/^\d+\. ([^:]+): (.+)$/) ?? [null, stage.name, said(stage.title)];
    const bar = make("span", { class: "bar", "aria-hidden": "true" },
      make("span", { class: "bar-added", style: `width:${stage.added / most * 100}%` }),
      make("span", { class: "bar-removed", style: `width:${Math.min(1, stage.removed / most) * 100}%` }));
    const files = stage.adds.map(([path, added, removed]) =>
      `${path.replace("src/", "")} +${added}${removed ? ` −${removed}` : ""}`).join("\n");
    return link({ view: "act", stage: index, act: actsOf(stage)[0], at: 0 }, { class: "stage", style: `--at:${index}`, "data-stage": stage.name },
      make("b", { class: "number" }, String(stage.number)), make("span", { class: "name" }, name), make("span", { class: "idea" }, idea),
      make("span", { class: "adds", title: files }, bar, make("small", {}, word("lines", stage.added, stage.removed))));
  });
  const sections = data.sections.map((section, index) => link({ view: "section", section: index }, {}, said(section.title)));
  return make("div", { class: "ladder" }, make("div", { class: "rows" }, ...rows),
    make("footer", {}, make("p", { class: "more" }, ...sections), make("p", { class: "hint" }, word("start"))));
}
