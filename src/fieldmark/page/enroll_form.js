// "None of these": the photo, and more of its kind, become a class of their own.

import * as api from "./api.js";
import { button, element } from "./dom.js";
import { inWords } from "./errors.js";
import { percent, photos, text } from "./text.js";
import { field, knownToken, rememberToken, tokenInput } from "./token_field.js";

export function enrollForm(card, onSaved) {
  const name = element("input", { type: "text", required: true, maxlength: "200", autocomplete: "off" });
  const more = element("input", { type: "file", accept: "image/*", multiple: true });
  const token = tokenInput();
  const save = element("button", { type: "submit", class: "primary" }, text("save"));
  const outcome = element("p", { class: "small", role: "status" });
  const submit = async (event) => {
    event.preventDefault();
    save.disabled = true;
    outcome.className = "small";
    outcome.textContent = text("saving");
    try {
      const found = await api.enroll([...card.photos, ...more.files], name.value.trim(), token.value);
      rememberToken(token.value);
      card.enrolment = found;
      delete card.made.enrollment; // a form that comes back after Undo is a fresh one
      onSaved();
    } catch (error) {
      outcome.className = "small wrong";
      outcome.textContent = inWords(error);
      save.disabled = false;
    }
  };
  return element(
    "details",
    { class: "enroll" },
    element("summary", {}, text("noneOfThese")),
    element(
      "form",
      { onsubmit: submit },
      field("newName", name),
      field("morePhotos", more),
      field("token", token),
      save,
      outcome,
    ),
  );
}

// What was saved, and the way back.
export function enrolled(card) {
  const found = card.enrolment;
  const cost = found.accuracy_before === null ? "" : text("savedCost", {
    count: found.val_photos,
    before: percent(found.accuracy_before, 1),
    after: percent(found.accuracy_after, 1),
  });
  const outcome = element("span", { class: "small", role: "status" });
  const undo = button("plain", text("undo"), async () => {
    undo.disabled = true;
    try {
      await api.unenroll(found.label, knownToken());
      card.enrolment = undefined;
      card.askAgain();
    } catch (error) {
      undo.disabled = false;
      outcome.textContent = inWords(error);
    }
  }, { "data-focus": "undo enrolment" });
  return element(
    "div",
    { class: "notice good", role: "status" },
    element("p", {}, `${text("saved", { label: found.label, photos: photos(found.photos) })} ${cost}`),
    found.photos === 1 ? element("p", { class: "small" }, text("onePhoto")) : null,
    undo,
    outcome,
  );
}
