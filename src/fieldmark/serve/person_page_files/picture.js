// A photo of the data, and the same photo large.

import { element } from "/page/dom.js";
import { show } from "./ask.js";
import { words } from "./words.js";

export const LARGE = 1400;
const MEDIUM = 800;
const SMALL = 240;

export function picture(path, alt, size) {
  const image = element("img", { alt, decoding: "async" });
  const frame = element(
    "button",
    { type: "button", class: `picture ${size}`, "aria-label": `${words("enlarge")}: ${alt}`, onclick: () => enlarge(path, alt) },
    image,
  );
  image.addEventListener("error", () => frame.replaceChildren(element("span", { class: "gone" }, words("gone"))));
  show(image, `${path}?side=${size === "large" ? MEDIUM : SMALL}`).catch(() => image.dispatchEvent(new Event("error")));
  return frame;
}

export function fetchAhead(path) {
  show(new Image(), `${path}?side=${MEDIUM}`).catch(() => undefined);
}

function enlarge(path, alt) {
  const image = element("img", { alt });
  const dialog = element("dialog", { class: "enlarged", "aria-label": alt, onclick: () => dialog.close() }, image);
  dialog.addEventListener("close", () => dialog.remove());
  dialog.addEventListener("keydown", (event) => ["z", "Enter", " "].includes(event.key) && dialog.close());
  document.body.append(dialog);
  dialog.showModal();
  show(image, `${path}?side=${LARGE}`).catch(() => dialog.close());
}
