// The photo under its evidence: which of the two maps, and how strongly it covers the photo.

import { element } from "./dom.js";
import { inWords } from "./errors.js";
import { offObject } from "./off_object.js";
import { text } from "./text.js";

export function photoView(card) {
  const overlay = element("img", { class: "overlay", alt: text("overlayOf"), hidden: true });
  const frame = element("span", { class: "strongest", hidden: true });
  const spinner = element("span", { class: "spinner", hidden: true }, element("span", { class: "hidden" }, ""));
  const stage = element("div", { class: "stage" }, photo(card), overlay, frame, spinner);
  const image = card.images.get(card.photo);
  fit(stage, image);
  image.onload = () => fit(stage, image);
  const legend = element("p", { class: "legend small" });
  const show = () => {
    const { view, explanation } = card;
    const contrast = view.map === "contrast";
    // The map for the answer is the same whatever it is compared with; the one against a class is that class's alone.
    const found = contrast ? explanation?.found : explanation?.found ?? card.lastMap;
    spinner.hidden = !(explanation?.waiting && !found);
    spinner.firstChild.textContent = waitingWords(card);
    overlay.hidden = frame.hidden = !found;
    legend.replaceChildren(...(found ? words(found.evidence, contrast) : []));
    if (!found) return;
    overlay.src = contrast ? found.contrast_overlay : found.map_overlay;
    overlay.style.opacity = view.opacity / 100;
    place(frame, found.evidence, contrast && view.opacity > 0);
  };
  show();
  return element("div", { class: "shown" }, stage, below(card, show), legend);
}

// The element is kept from one drawing to the next, so that the photo does not flicker.
function photo(card) {
  const file = card.photo;
  if (!card.images.has(file)) {
    const image = element("img", { class: "photo", src: URL.createObjectURL(file) });
    image.addEventListener("error", () => {
      image.dataset.broken = "true";
      card.draw();
    });
    card.images.set(file, image);
  }
  const image = card.images.get(file);
  image.alt = text("photoOf", { name: file.name });
  if (!image.dataset.broken) return image;
  return element("p", { class: "no-photo small" }, text(card.answer?.error ? "noPicture" : "notShown"));
}

// The stage takes the photo's own proportions, so that places on the one are places on the other.
function fit(stage, image) {
  const { naturalWidth: width, naturalHeight: height } = image;
  if (!width || !height) return;
  stage.style.aspectRatio = `${width} / ${height}`;
  stage.style.width = `min(100%, calc(65vh * ${width / height}))`;
}

function place(frame, evidence, visible) {
  const [x1, y1, x2, y2] = evidence.box;
  frame.hidden = !visible;
  frame.style.left = `${(100 * x1) / evidence.width}%`;
  frame.style.top = `${(100 * y1) / evidence.height}%`;
  frame.style.width = `${(100 * (x2 - x1)) / evidence.width}%`;
  frame.style.height = `${(100 * (y2 - y1)) / evidence.height}%`;
}

function words(evidence, contrast) {
  const cold = contrast ? text("speaksFor", { label: evidence.against }) : text("speaksAgainst", evidence);
  return [
    element("span", { class: "swatch warm" }),
    element("span", {}, text("speaksFor", evidence)),
    element("span", { class: "swatch cold" }),
    element("span", {}, cold),
  ];
}

function waitingWords({ view, rival }) {
  return view.map === "contrast" ? text("drawingAgainst", { label: rival }) : text("drawing");
}

function below(card, show) {
  const { explanation, lastMap } = card;
  if (!explanation) return null;
  if (explanation.error) {
    return element("p", { class: "small faint" }, text("noEvidence", { reason: inWords(explanation.error) }));
  }
  if (explanation.waiting && !lastMap) return element("p", { class: "small faint pulse" }, text("drawing"));
  const off = explanation.found && offObject(explanation.found.evidence);
  return element(
    "div",
    { class: "controls" },
    off ? element("p", { class: "notice" }, text("offObject")) : null,
    maps(card, show),
    strength(card, show),
  );
}

function maps(card, show) {
  const choice = (value, label) => {
    const checked = card.view.map === value;
    const input = element("input", {
      type: "radio", name: `map-${card.id}`, value, checked, "data-focus": `map ${value}`,
    });
    input.addEventListener("change", () => {
      card.view.map = value;
      show();
    });
    return element("label", {}, input, element("span", {}, label));
  };
  return element(
    "div",
    { class: "segments", role: "radiogroup", "aria-label": text("evidence") },
    // A photo of no known class has no answer, only classes that it looks most like.
    choice("map", card.answer.unknown
      ? text("evidenceForClass", { label: card.answer.candidates[0].label })
      : text("evidenceFor")),
    choice("contrast", text("evidenceAgainst", { label: card.against(card.rival) })),
  );
}

function strength(card, show) {
  const value = String(card.view.opacity);
  const slider = element("input", { type: "range", min: "0", max: "100", value, "data-focus": "opacity" });
  slider.addEventListener("input", () => {
    card.view.opacity = Number(slider.value);
    show();
  });
  return element("label", { class: "slider" }, element("span", { class: "small" }, text("opacity")), slider);
}
