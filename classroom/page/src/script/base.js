"use strict";
// What all views share: the data, the address, and elements. An address names a state of the page: the language (none
// is English), a view, and a position in it. All of them are listed in `parse`.

// Unpacked in page.js, before anything is shown.
let data;
let stages;
// Where the page is: what `parse` has made of the address.
let here = { lang: "en", view: "ladder" };
// Where it was before, to tell a step forward from a jump.
let before = null;

const find = id => document.getElementById(id);

function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element[name] = value;
    else if (value !== null && value !== false) element.setAttribute(name, value);
  }
  element.append(...children.filter(child => child !== null && child !== undefined));
  return element;
}

// An element whose content is HTML of the project itself: notes, plans, replays. Pictures are put in here.
function html(tag, attributes, text) {
  const element = make(tag, attributes);
  element.innerHTML = text;
  for (const image of element.querySelectorAll("img[data-picture]")) image.src = data.pictures[image.dataset.picture];
  return element;
}

// A text in the language of the page.
function said(text) {
  return text === null || text === undefined || typeof text === "string" ? text ?? "" : text[here.lang] ?? text.en;
}

const stageIndex = name => stages.findIndex(stage => stage.name === name);

// The acts of a stage, in the order in which Space goes through them. Each has a number of positions and shows one.
const ACTS = {
  __proto__: null,
  happens: { key: "act.happens", count: stage => happensFrames(stage).length, show: showHappens },
  segments: { key: "act.segments", count: stage => captureCount(stage), show: showCaptures },
  code: { key: "act.code", count: stage => codeFrames(stage).length, show: showChange },
  wire: { key: "act.wire", count: stage => wireFrames(stage).length, show: showVotes },
  quiz: { key: "act.quiz", count: stage => quizCount(stage), show: showQuiz },
};
const actsOf = stage => Object.keys(ACTS).filter(act => ACTS[act].count(stage) > 0);

// What an address names, or null.
//   (nothing)                    the ladder            s07_put                     the first act of a stage
//   s07_put/code/5               an act, a position    s07_put/notes, …/handout    its notes, its handout
//   s05_get..s07_put/src/main.rs the review            section/primer              another section of the notes
//   teacher/s07_put              the teacher's window  search/text                 what a search has found
//   ko/…                         each of them in Korean
function parse(hash) {
  let rest;
  try { rest = decodeURIComponent(hash.replace(/^#/, "")); } catch { return null; }
  const lang = /^ko(\/|$)/.test(rest) ? "ko" : "en";
  if (lang === "ko") rest = rest.replace(/^ko\/?/, "");
  if (rest === "") return { lang, view: "ladder" };
  const [first, second, third] = rest.split("/");
  const pair = first.split("..");
  if (pair.length === 2) {
    const [from, to] = pair.map(stageIndex);
    const view = rest.slice(first.length + 1);
    if (from < 0 || to < 0 || !(view in REVIEWS || reviewFiles(from, to).some(file => file.path === view))) return null;
    return { lang, view: "review", from, to, file: view };
  }
  if (first === "search") return { lang, view: "search", text: rest.slice(7) };
  if (first === "section") {
    const section = data.sections.findIndex(section => section.id === second);
    return section < 0 || third !== undefined ? null : { lang, view: "section", section };
  }
  if (first === "teacher") {
    const plan = planNames().includes(second) ? second : null;
    return plan === null || third !== undefined ? null : { lang, view: "teacher", plan };
  }
  const stage = stageIndex(first);
  if (stage < 0) return null;
  if (second === undefined) return { lang, view: "act", stage, act: actsOf(stages[stage])[0], at: 0 };
  if (second === "notes" || second === "handout") return third === undefined ? { lang, view: second, stage } : null;
  if (!(second in ACTS) || rest.split("/").length > 3) return null;
  const at = third === undefined ? 0 : Number(third);
  if (!/^\d*$/.test(third ?? "") || at >= ACTS[second].count(stages[stage])) return null;
  return { lang, view: "act", stage, act: second, at };
}

// The address of a state.
function address(state) {
  const prefix = state.lang === "ko" ? "ko/" : "";
  const name = stages[state.stage]?.name;
  const rest = {
    ladder: () => "",
    review: () => `${stages[state.from].name}..${stages[state.to].name}/${state.file}`,
    search: () => `search/${encodeURIComponent(state.text)}`,
    section: () => `section/${data.sections[state.section].id}`,
    teacher: () => `teacher/${state.plan}`,
    notes: () => `${name}/notes`,
    handout: () => `${name}/handout`,
    act: () => state.at ? `${name}/${state.act}/${state.at}` : `${name}/${state.act}`,
    nothing: () => state.hash,
  }[state.view]();
  return `#${prefix}${rest}`;
}

// Goes to a state. A step within an act does not fill the history of the browser.
function go(state, replace = false) {
  const next = { lang: here.lang, ...state };
  if (address(next) !== location.hash) history[replace ? "replaceState" : "pushState"](null, "", address(next));
  arrive(next);
}

function link(state, attributes, ...children) {
  return make("a", { href: address({ lang: here.lang, ...state }), ...attributes }, ...children);
}

// What the reader chose is kept, if the browser stores data for a file.
function keep(name, value) {
  try { localStorage.setItem(name, value); } catch { /* The browser keeps nothing. */ }
}
function kept(name) {
  try { return localStorage.getItem(name); } catch { return null; }
}
