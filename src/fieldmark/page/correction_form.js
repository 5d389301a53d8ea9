// "It's actually …": the photo and its correct class go to the feedback list of the model, and can be taken back.

import * as api from "./api.js";
import { button, element } from "./dom.js";
import { inWords } from "./errors.js";
import { text } from "./text.js";
import { field, knownToken, rememberToken, tokenInput } from "./token_field.js";

let forms = 0;

// The part of a card: a form, or what was corrected.
export function correction(card) {
  const { corrections } = card.entry;
  if (corrections) return card.part("corrected", [corrections], () => corrected(card, corrections));
  const before = card.made.correction?.node;
  return before?.open ? before : card.part("correction", [card.answer], () => form(card));
}

function form(card) {
  const list = `classes-${++forms}`;
  const label = element("input", { type: "text", required: true, maxlength: "200", autocomplete: "off", list });
  const token = tokenInput();
  const save = element("button", { type: "submit", class: "primary" }, text("correctionSave"));
  const outcome = element("p", { class: "small", role: "status" });
  const submit = async (event) => {
    event.preventDefault();
    save.disabled = true;
    outcome.className = "small";
    outcome.textContent = text("saving");
    const done = [];
    try {
      for (const photo of card.photos) done.push((await api.correct(photo, label.value.trim(), token.value)).correction);
      rememberToken(token.value);
    } catch (error) {
      outcome.className = "small wrong";
      outcome.textContent = inWords(error);
      save.disabled = false;
    }
    if (done.length) noted(card, done);
  };
  return element(
    "details",
    { class: "correct" },
    element("summary", {}, text("actually")),
    element(
      "form",
      { onsubmit: submit },
      field("correctClass", label),
      element("datalist", { id: list }, ...api.server.classes.map((name) => element("option", { value: name }))),
      element("p", { class: "small faint" }, text("correctionKept")),
      field("token", token),
      save,
      outcome,
    ),
  );
}

function corrected(card, corrections) {
  const [{ label, new_class: isNew }] = corrections;
  const outcome = element("span", { class: "small", role: "status" });
  const undo = button("plain", text("undo"), async () => {
    undo.disabled = true;
    try {
      for (const one of corrections) await api.undoCorrection(one.id, knownToken());
      noted(card, undefined);
    } catch (error) {
      undo.disabled = false;
      outcome.textContent = inWords(error);
    }
  }, { "data-focus": "undo correction" });
  const words = text(isNew ? "correctedNew" : "corrected", { label });
  return element("div", { class: "notice good", role: "status" }, element("p", {}, words), undo, outcome);
}

function noted(card, corrections) {
  card.entry.corrections = corrections;
  delete card.made.correction; // a form that comes back after Undo is a fresh one
  document.dispatchEvent(new CustomEvent("fieldmark-model-changed"));
  card.draw();
}
