// The photo and a known photo side by side, large; the arrow keys go through the known photos.

import { button, element, openDialog } from "./dom.js";
import { text } from "./text.js";

export function openComparison(photo, found, start) {
  let index = start;
  const url = URL.createObjectURL(photo);
  const yours = element("figure", {}, element("img", { src: url, alt: text("yours") }), element("figcaption", {}, text("yours")));
  const image = element("img", { class: "other" });
  const label = element("span", { class: "name" });
  const facts = element("span", { class: "small faint" });
  const other = element("figure", {}, image, element("figcaption", { "aria-live": "polite" }, label, " ", facts));
  const position = element("span", { class: "small faint" });
  const step = (by) => {
    index = (index + by + found.length) % found.length;
    show();
  };
  const show = () => {
    const one = found[index];
    image.src = one.photo; // small, and here at once
    const large = new Image();
    large.onload = () => { if (found[index] === one) image.src = large.src; };
    large.src = `${one.photo}&size=large`;
    image.alt = one.label;
    label.textContent = one.label;
    facts.textContent = `${text("similarity", { value: one.similarity.toFixed(2) })} · ${one.path}`;
    position.textContent = text("position", { index: index + 1, count: found.length });
  };
  show();
  const steps = element(
    "div",
    { class: "steps" },
    button("secondary", `← ${text("previous")}`, () => step(-1)),
    position,
    button("secondary", `${text("next")} →`, () => step(1)),
  );
  const pair = element("div", { class: "pair" }, yours, other);
  const dialog = openDialog("comparison", text("sideBySide"), text("close"), [pair, steps], () => URL.revokeObjectURL(url));
  dialog.addEventListener("keydown", (event) => {
    if (event.key === "ArrowLeft") step(-1);
    if (event.key === "ArrowRight") step(1);
  });
}
