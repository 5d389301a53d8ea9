// "None of these": the photo, and more of its kind, become a class of their own.

import * as api from "./api.js";
import { changed, changeForm } from "./change_form.js";
import { element } from "./dom.js";
import { percent, photos, text } from "./text.js";
import { field, rememberToken } from "./token_field.js";

export function enrollForm(card, onSaved) {
  const name = element("input", { type: "text", required: true, maxlength: "200", autocomplete: "off" });
  const more = element("input", { type: "file", accept: "image/*", multiple: true });
  const fields = [field("newName", name), field("morePhotos", more)];
  return changeForm("enroll", text("noneOfThese"), text("save"), fields, async (token) => {
    card.enrolment = await api.enroll([...card.photos, ...more.files], name.value.trim(), token);
    rememberToken(token);
    delete card.made.enrollment; // a form that comes back after Undo is a fresh one
    onSaved();
  });
}

// What was saved, and the way back.
export function enrolled(card) {
  const found = card.enrolment;
  const cost = found.accuracy_before === null ? "" : text("savedCost", {
    count: found.val_photos,
    before: percent(found.accuracy_before, 1),
    after: percent(found.accuracy_after, 1),
  });
  const sentences = [
    element("p", {}, `${text("saved", { label: found.label, photos: photos(found.photos) })} ${cost}`),
    found.photos === 1 ? element("p", { class: "small" }, text("onePhoto")) : null,
  ];
  return changed(sentences, "undo enrolment", async (token) => {
    await api.unenroll(found.label, token);
    card.enrolment = undefined;
    card.askAgain();
  });
}
