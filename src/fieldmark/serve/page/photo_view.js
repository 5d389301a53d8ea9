// The photo under its evidence: which of the two maps, and how strongly it covers the photo.

import { element } from "./dom.js";
import { text } from "./text.js";

export function photoView(card) {
  const overlay = element("img", { class: "overlay", alt: text("overlayOf"), hidden: true });
  const frame = element("span", { class: "strongest", hidden: true });
  const stage = element("div", { class: "stage" }, photo(card), overlay, frame);
  fit(stage, card.image);
  card.image.onload = () => fit(stage, card.image);
  const legend = element("p", { class: "legend small" });
  const show = () => {
    const { explanation, view } = card;
    if (!explanation) return;
    const contrast = view.map === "contrast";
    overlay.src = contrast ? explanation.contrast_overlay : explanation.map_overlay;
    overlay.hidden = false;
    overlay.style.opacity = view.opacity / 100;
    place(frame, explanation.evidence, contrast && view.opacity > 0);
    legend.replaceChildren(...words(explanation.evidence, contrast));
  };
  show();
  return element("div", { class: "view" }, stage, card.explanation ? controls(card, show) : waiting(card), legend);
}

// The element is kept from one drawing to the next, so that the photo does not flicker.
function photo(card) {
  card.image.alt = text("photoOf", { name: card.photo.name });
  if (card.isShown !== false) return card.image;
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

function controls(card, show) {
  const { against } = card.explanation.evidence;
  const group = `map-${card.id}`;
  const choice = (value, label) => {
    const checked = card.view.map === value;
    const input = element("input", { type: "radio", name: group, value, checked, "data-focus": `map ${value}` });
    input.addEventListener("change", () => {
      card.view.map = value;
      show();
    });
    return element("label", {}, input, element("span", {}, label));
  };
  const value = String(card.view.opacity);
  const slider = element("input", { type: "range", min: "0", max: "100", value, "data-focus": "opacity" });
  slider.addEventListener("input", () => {
    card.view.opacity = Number(slider.value);
    show();
  });
  return element(
    "div",
    { class: "controls" },
    element(
      "div",
      { class: "segments", role: "radiogroup", "aria-label": text("evidence") },
      choice("map", text("evidenceFor")),
      choice("contrast", text("evidenceAgainst", { label: against })),
    ),
    element("label", { class: "slider" }, element("span", { class: "small" }, text("opacity")), slider),
  );
}

function waiting(card) {
  if (card.explanationError) {
    return element("p", { class: "small faint" }, text("noEvidence", { reason: card.explanationError }));
  }
  return card.explains ? element("p", { class: "small faint pulse" }, text("drawing")) : null;
}
