// Rows of known photos. Each opens at full size beside the photo.

import { openComparison } from "./compare_dialog.js";
import { button, element } from "./dom.js";
import { text } from "./text.js";

const PLACES = 6;

// `row` is what a search gave: {waiting}, {found} or {error}; nothing is shown for an error or no search.
export function neighbours(title, row, card) {
  if (!row || row.error) return null;
  const tiles = row.waiting
    ? Array.from({ length: PLACES }, () => element("li", { class: "placeholder pulse" }))
    : row.found.map((one, index) => tile(one, () => openComparison(card.photo, row.found, index)));
  return element("section", { class: "neighbours" }, element("h3", {}, title), element("ul", {}, ...tiles));
}

function tile(one, onOpen) {
  const value = one.similarity.toFixed(2);
  const image = element("img", { src: one.photo, alt: "", loading: "lazy" });
  const open = button("enlarge", image, onOpen, {
    "aria-label": text("enlarge", { label: one.label }),
    "data-focus": `known ${one.path}`,
  });
  image.addEventListener("error", () => open.replaceWith(element("span", { class: "gone" }, text("gone"))));
  return element(
    "li",
    { title: `${one.path} (${one.split})` },
    open,
    element("span", { class: "tile-label" }, one.label),
    element("span", { class: "small faint" }, text("similarity", { value })),
  );
}
