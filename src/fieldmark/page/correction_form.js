// "It's actually …": the photo and its correct class go to the feedback list of the model, and can be taken back.

import * as api from "./api.js";
import { changed, changeForm } from "./change_form.js";
import { element } from "./dom.js";
import { text } from "./text.js";
import { field, rememberToken } from "./token_field.js";

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
  const fields = [
    field("correctClass", label),
    element("datalist", { id: list }, ...api.server.classes.map((name) => element("option", { value: name }))),
    element("p", { class: "small faint" }, text("correctionKept")),
  ];
  return changeForm("correct", text("actually"), text("correctionSave"), fields, async (token) => {
    const done = [];
    try {
      for (const photo of card.photos) done.push((await api.correct(photo, label.value.trim(), token)).correction);
    } finally {
      if (done.length) { // also where a later photo of the subject failed: what is saved can be undone
        rememberToken(token);
        noted(card, done);
      }
    }
  });
}

function corrected(card, corrections) {
  const [{ label, new_class: isNew }] = corrections;
  const words = element("p", {}, text(isNew ? "correctedNew" : "corrected", { label }));
  return changed([words], "undo correction", async (token) => {
    for (const one of corrections) await api.undoCorrection(one.id, token);
    noted(card, undefined);
  });
}

function noted(card, corrections) {
  card.entry.corrections = corrections;
  delete card.made.correction; // a form that comes back after Undo is a fresh one
  document.dispatchEvent(new CustomEvent("fieldmark-model-changed"));
  card.draw();
}
