// Rows of known photos.

import { element } from "./dom.js";
import { text } from "./text.js";

export function neighbours(title, found) {
  if (!found) return null;
  return element(
    "section",
    { class: "neighbours" },
    element("h3", {}, title),
    element("ul", {}, ...found.map(tile)),
  );
}

function tile(one) {
  const value = one.similarity.toFixed(2);
  const image = element("img", { src: one.photo, alt: one.label, loading: "lazy" });
  image.addEventListener("error", () => image.replaceWith(element("span", { class: "gone" }, text("gone"))));
  return element(
    "li",
    { title: `${one.path} (${one.split})` },
    image,
    element("span", { class: "tile-label" }, one.label),
    element("span", { class: "small faint" }, text("similarity", { value })),
  );
}
