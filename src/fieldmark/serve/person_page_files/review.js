// The page of `fieldmark review`: one item after the other, the largest expected gain first.

import { get, post } from "./ask.js";
import { help, onKeys, press } from "./keys.js";
import { fetchAhead } from "./picture.js";
import { drawItem } from "./review_item.js";
import { drawProblems, drawProgress } from "./review_progress.js";
import { element } from "/page/dom.js";
import { count, current, toggle, words } from "./words.js";

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
const place = document.getElementById("item");
const wrong = document.getElementById("wrong");
let state = null;
let problem = "all";
let position = 0;
let item = null; // what is shown
let busy = false;

const queue = () => state.items.filter((one) => problem === "all" || one.problem === problem);

function mark(isBusy) {
  busy = isBusy;
  place.setAttribute("aria-busy", String(isBusy));
}

// What is pressed while an answer is under way is left out: it would be about a photo that nobody has seen.
async function run(work) {
  if (busy) return;
  mark(true);
  wrong.hidden = true;
  try {
    await work();
  } catch (error) {
    wrong.textContent = error.message;
    wrong.hidden = false;
  } finally {
    mark(false);
  }
}

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
  document.documentElement.lang = current();
  document.title = `${words("review")} · ${state?.data ?? "Fieldmark"}`;
  for (const [id, key, label] of [["language", "other", "otherLabel"], ["help", "helpShort", "keys"]]) {
    const button = document.getElementById(id);
    button.textContent = words(key);
    button.setAttribute("aria-label", words(label));
  }
  if (!state) return;
  document.getElementById("subject").replaceChildren(words("reviewOf"), " ", element("strong", {}, state.data));
  document.getElementById("note").textContent = words("reviewNote", { file: state.file });
  drawProgress(document.getElementById("progress"), state, undo);
  drawProblems(document.getElementById("problems"), state, problem, choose);
  if (item) place.replaceChildren(drawItem(item, state.classes, decide, () => move(1)));
  else place.replaceChildren(finished());
}

function finished() {
  const made = Object.values(state.decisions).reduce((sum, number) => sum + number, 0);
  return element(
    "div",
    { class: "finished" },
    element("h1", {}, words(state.left ? "noneOfKind" : "finished")),
    element("p", {}, count("decided", made)),
    element("code", {}, `fieldmark fit DATA --decisions ${state.file}`),
  );
}

onKeys((key) => {
  if (key === "?") help(KEYS);
  else if (key === "u") undo();
  else if (key === "ArrowRight") move(1);
  else if (key === "ArrowLeft") move(-1);
  else if (key === "/") document.getElementById("other")?.focus();
  else return press(key);
  return true;
});
document.getElementById("help").addEventListener("click", () => help(KEYS));
document.getElementById("language").addEventListener("click", () => {
  toggle();
  draw();
});
run(async () => {
  draw();
  state = await get("/v1/review/state");
  await step();
});
