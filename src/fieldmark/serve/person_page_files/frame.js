// What the pages of `review` and `label` share: header, note, errors, and one request at a time.

import { element } from "/page/dom.js";
import { help, onKeys, press } from "./keys.js";
import { current, toggle, words } from "./words.js";

export const place = document.getElementById("item");
export const progress = document.getElementById("progress");
const wrong = document.getElementById("wrong");
let busy = false;

// What is pressed while an answer is under way is left out: it would be about a photo that nobody has seen.
export async function run(work) {
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

function mark(isBusy) {
  busy = isBusy;
  place.setAttribute("aria-busy", String(isBusy));
}

// `page` is `review` or `label`; `state` is what the server says of the session, or null before it has answered.
export function drawFrame(page, state) {
  document.documentElement.lang = current();
  document.title = `${words(page)} · ${state?.data ?? "Fieldmark"}`;
  for (const [id, key, label] of [["language", "other", "otherLabel"], ["help", "helpShort", "keys"]]) {
    const button = document.getElementById(id);
    button.textContent = words(key);
    button.setAttribute("aria-label", words(label));
  }
  if (!state) return;
  document.getElementById("subject").replaceChildren(words(`${page}Of`), " ", element("strong", {}, state.data));
  document.getElementById("note").textContent = words(`${page}Note`, { file: state.file });
}

// How far one is, the way back, and the bar.
export function drawProgress({ done, total, can_undo: canUndo }, shown, undo) {
  const bar = element("progress", { max: Math.max(total, 1), value: done, "aria-label": words("progress") });
  const button = element("button", { type: "button", class: "secondary undo", disabled: !canUndo, onclick: undo });
  button.append(element("kbd", { "aria-hidden": "true" }, "u"), element("span", {}, words("undo")));
  progress.replaceChildren(element("p", {}, ...shown), button, bar);
}

export function finished(title, sentence, command) {
  const parts = [element("h1", {}, title), element("p", {}, sentence), element("code", {}, command)];
  return element("div", { class: "finished" }, ...parts);
}

// `keys` are the rows of the help. `actions` do what a key means on this page; other keys press their buttons.
export function start(keys, actions, draw) {
  const all = { "?": () => help(keys), "/": () => document.getElementById("other")?.focus(), ...actions };
  onKeys((key) => {
    if (!all[key]) return press(key);
    all[key]();
    return true;
  });
  document.getElementById("help").addEventListener("click", () => help(keys));
  document.getElementById("language").addEventListener("click", () => {
    toggle();
    draw();
  });
  draw();
}
