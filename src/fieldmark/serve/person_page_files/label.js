// The page of `fieldmark label`: the most useful photo first, one key for each of its likely classes.

import { get, post, show } from "./ask.js";
import { drawFrame, drawProgress, finished, place, run, start } from "./frame.js";
import { choice } from "./keys.js";
import { otherClass } from "./other_class.js";
import { fetchAhead, picture } from "./picture.js";
import { element } from "/page/dom.js";
import { count, format, percent, words } from "./words.js";

const KEYS = [
  ["1–9", "keySuggestion"],
  ["/", "keyOther"],
  ["s", "keySkip"],
  ["u", "keyUndo"],
  ["?", "keyHelp"],
];
let state = null;

// Send something, and show the state that comes back.
const learn = (request) =>
  run(async () => {
    state = await request();
    draw();
    const [, ahead] = state.next;
    if (ahead) fetchAhead(url(ahead));
  });

const url = (photo) => `/v1/label/photo/${photo.number}`;
const answer = (label) => learn(() => post("/v1/label/answer", { photo: state.next[0].number, label }));
const skip = () => learn(() => post("/v1/label/skip", { photo: state.next[0].number }));
const undo = () => learn(() => post("/v1/label/undo"));

function draw() {
  drawFrame("label", state);
  if (!state) return;
  const fit = state.until_fit ? count("untilFit", state.until_fit) : words("fitting");
  const shown = [
    element("strong", {}, words("labelledOf", { done: format(state.labelled), total: format(state.total) })),
    element("span", { class: "soft" }, ` · ${fit}`),
  ];
  drawProgress({ ...state, done: state.labelled }, shown, undo);
  const [photo] = state.next;
  place.replaceChildren(
    photo ? drawPhoto(photo) : finished(words("allLabelled"), count("labelled", state.labelled), `fieldmark fit ${state.file}`),
  );
}

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

start(KEYS, { u: undo }, draw);
learn(() => get("/v1/label/state"));
