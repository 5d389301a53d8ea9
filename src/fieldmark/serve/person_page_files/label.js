// The page of `fieldmark label`: the most useful photo first, one key for each of its likely classes.

import { get, post, show } from "./ask.js";
import { choice, help, onKeys, press } from "./keys.js";
import { otherClass } from "./other_class.js";
import { fetchAhead, picture } from "./picture.js";
import { element } from "/page/dom.js";
import { count, current, percent, toggle, words } from "./words.js";

const KEYS = [
  ["1–9", "keySuggestion"],
  ["/", "keyOther"],
  ["s", "keySkip"],
  ["u", "keyUndo"],
  ["?", "keyHelp"],
];
const place = document.getElementById("item");
const wrong = document.getElementById("wrong");
let state = null;
let busy = false;

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
    state = await work();
    draw();
    const [, ahead] = state.next;
    if (ahead) fetchAhead(url(ahead));
  } catch (error) {
    wrong.textContent = error.message;
    wrong.hidden = false;
  } finally {
    mark(false);
  }
}

const url = (photo) => `/v1/label/photo/${photo.number}`;
const answer = (label) => run(() => post("/v1/label/answer", { photo: state.next[0].number, label }));
const skip = () => run(() => post("/v1/label/skip", { photo: state.next[0].number }));
const undo = () => run(() => post("/v1/label/undo"));

function draw() {
  document.documentElement.lang = current();
  document.title = `${words("label")} · ${state?.data ?? "Fieldmark"}`;
  for (const [id, key, label] of [["language", "other", "otherLabel"], ["help", "helpShort", "keys"]]) {
    const button = document.getElementById(id);
    button.textContent = words(key);
    button.setAttribute("aria-label", words(label));
  }
  if (!state) return;
  document.getElementById("subject").replaceChildren(words("labelOf"), " ", element("strong", {}, state.data));
  document.getElementById("note").textContent = words("labelNote", { file: state.file });
  drawProgress();
  const [photo] = state.next;
  place.replaceChildren(photo ? drawPhoto(photo) : finished());
}

function drawProgress() {
  const bar = element("progress", { max: Math.max(state.total, 1), value: state.labelled, "aria-label": words("progress") });
  const button = element("button", { type: "button", class: "secondary undo", disabled: !state.can_undo, onclick: undo });
  button.append(element("kbd", { "aria-hidden": "true" }, "u"), element("span", {}, words("undo")));
  const fit = state.until_fit ? count("untilFit", state.until_fit) : words("fitting");
  document.getElementById("progress").replaceChildren(
    element(
      "p",
      {},
      element("strong", {}, words("labelledOf", { done: format(state.labelled), total: format(state.total) })),
      element("span", { class: "soft" }, ` · ${fit}`),
    ),
    button,
    bar,
  );
}

const format = (number) => number.toLocaleString(current());

function drawPhoto(photo) {
  const rows = photo.suggestions.map((one, index) => {
    const image = element("img", { alt: "", loading: "lazy" });
    image.addEventListener("error", () => image.classList.add("empty"));
    if (state.known.includes(one.label)) show(image, `/v1/label/example/${photo.number}?label=${encodeURIComponent(one.label)}`).catch(() => image.classList.add("empty"));
    else image.classList.add("empty");
    const share = element("span", { class: "share" }, percent(one.probability));
    return choice(String(index + 1), [image, element("span", {}, one.label), share], () => answer(one.label));
  });
  return element(
    "article",
    { class: "work label" },
    element(
      "div",
      { class: "photos" },
      element("figure", {}, picture(url(photo), photo.path, "large"), element("figcaption", {}, element("span", { class: "path" }, photo.path))),
    ),
    element(
      "div",
      { class: "ask" },
      element("h1", {}, words("whatIsIt")),
      element("div", { class: "choices with-photos" }, ...rows),
      element("div", { class: "last" }, otherClass(state.classes, words("otherOrNew"), answer), choice("s", words("skip"), skip)),
    ),
  );
}

function finished() {
  return element(
    "div",
    { class: "finished" },
    element("h1", {}, words("allLabelled")),
    element("p", {}, count("labelled", state.labelled)),
    element("code", {}, `fieldmark fit ${state.file}`),
  );
}

onKeys((key) => {
  if (key === "?") help(KEYS);
  else if (key === "u") undo();
  else if (key === "/") document.getElementById("other")?.focus();
  else return press(key);
  return true;
});
document.getElementById("help").addEventListener("click", () => help(KEYS));
document.getElementById("language").addEventListener("click", () => {
  toggle();
  draw();
});
draw();
run(() => get("/v1/label/state"));
