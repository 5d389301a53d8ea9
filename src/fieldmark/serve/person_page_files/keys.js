// Keys for everything, and a list of them. While somebody types, letters are letters.

import { element } from "/page/dom.js";
import { words } from "./words.js";

export function onKeys(handle) {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    if (event.target.closest("input")) {
      if (event.key === "Escape") event.target.blur();
      return;
    }
    if (handle(event.key)) event.preventDefault();
  });
}

export const keycap = (key) => element("kbd", { "aria-hidden": "true" }, key);

export function choice(key, label, onclick, properties = {}) {
  return element(
    "button",
    { type: "button", class: "choice", "data-key": key, "aria-keyshortcuts": key, onclick, ...properties },
    keycap(key),
    ...(Array.isArray(label) ? label : [element("span", {}, label)]),
  );
}

// Presses the button of a key, where it is there.
export function press(key) {
  const button = document.querySelector(`.choice[data-key="${CSS.escape(key)}"]:not(:disabled)`);
  button?.click();
  return Boolean(button);
}

export function help(rows) {
  const list = rows.flatMap(([key, label]) => [element("dt", {}, keycap(key)), element("dd", {}, words(label))]);
  const close = element("button", { type: "button", class: "primary", onclick: () => dialog.close() }, words("close"));
  const dialog = element("dialog", { class: "keys", "aria-labelledby": "keys-title" });
  dialog.append(element("h2", { id: "keys-title" }, words("keys")), element("dl", {}, ...list), close);
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}
