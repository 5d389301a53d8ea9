// The page of `fieldmark review`: one item after the other, the largest expected gain first.

import { get, post } from "./ask.js";
import { drawFrame, drawProgress, finished, place, progress, run, start } from "./frame.js";
import { fetchAhead } from "./picture.js";
import { drawItem } from "./review_item.js";
import { drawProblems, progressWords } from "./review_progress.js";
import { element } from "/page/dom.js";
import { count, words } from "./words.js";

const KEYS = [
  ["1–9", "keyNumber"],
  ["a b", "keyAll"],
  ["k", "keyKeep"],
  ["d", "keyDrop"],
  ["c", "keyCannotTell"],
  ["/", "keyOther"],
  ["u", "keyUndo"],
  ["←", "keyBefore"],
  ["→", "keyLater"],
  ["?", "keyHelp"],
];
const problems = element("nav", { id: "problems", class: "chips" });
progress.after(problems);
let state = null;
let problem = "all";
let position = 0;
let item = null; // what is shown

const queue = () => state.items.filter((one) => problem === "all" || one.problem === problem);

async function step() {
  const open = queue();
  position = Math.max(0, Math.min(position, open.length - 1));
  const next = open[position];
  item = next ? await get(`/v1/review/item?key=${encodeURIComponent(next.key)}`) : null;
  draw();
  if (open[position + 1]) prepare(open[position + 1].key).catch(() => undefined);
}

async function prepare(key) {
  const ahead = await get(`/v1/review/item?key=${encodeURIComponent(key)}`);
  for (const photo of ahead.photos.slice(0, 2)) fetchAhead(`/v1/review/photo/${photo.number}`);
}

function decide(choice, more = {}) {
  return run(async () => {
    state = await post("/v1/review/decide", { key: item.key, choice, ...more });
    await step();
  });
}

function undo() {
  return run(async () => {
    const { undone, ...rest } = await post("/v1/review/undo");
    state = rest;
    if (undone && !queue().some((one) => one.key === undone)) problem = "all";
    if (undone) position = Math.max(0, queue().findIndex((one) => one.key === undone));
    await step();
  });
}

function move(by) {
  return run(async () => {
    const open = queue();
    if (open.length) position = (position + by + open.length) % open.length;
    await step();
  });
}

function choose(name) {
  return run(async () => {
    problem = name;
    position = 0;
    await step();
  });
}

function draw() {
  drawFrame("review", state);
  if (!state) return;
  const done = state.total - state.left;
  drawProgress({ ...state, done }, progressWords(state, done), undo);
  drawProblems(problems, state, problem, choose);
  place.replaceChildren(item ? drawItem(item, state.classes, decide, () => move(1)) : nothingLeft());
}

function nothingLeft() {
  const made = Object.values(state.decisions).reduce((sum, number) => sum + number, 0);
  const title = words(state.left ? "noneOfKind" : "finished");
  return finished(title, count("decided", made), `fieldmark fit DATA --decisions ${state.file}`);
}

start(KEYS, { u: undo, ArrowRight: () => move(1), ArrowLeft: () => move(-1) }, draw);
run(async () => {
  state = await get("/v1/review/state");
  await step();
});
