// "None of these": the photo, and more of its kind, become a class of their own.

import * as api from "./api.js";
import { element } from "./dom.js";
import { inWords } from "./errors.js";
import { percent, photos, text } from "./text.js";

const TOKEN = "fieldmark-token";

export function enrollForm(card, onSaved) {
  const name = element("input", { type: "text", required: true, maxlength: "200", autocomplete: "off" });
  const more = element("input", { type: "file", accept: "image/*", multiple: true });
  const token = element("input", { type: "password", required: true, autocomplete: "off" });
  token.value = sessionStorage.getItem(TOKEN) ?? "";
  const button = element("button", { type: "submit", class: "primary" }, text("save"));
  const outcome = element("p", { class: "small", role: "status" });
  const submit = async (event) => {
    event.preventDefault();
    button.disabled = true;
    outcome.className = "small";
    outcome.textContent = text("saving");
    try {
      const found = await api.enroll([...card.photos, ...more.files], name.value.trim(), token.value);
      sessionStorage.setItem(TOKEN, token.value);
      card.enrolment = found;
      onSaved();
    } catch (error) {
      outcome.className = "small wrong";
      outcome.textContent = inWords(error);
      button.disabled = false;
    }
  };
  const field = (key, input) => element("label", {}, element("span", { class: "small" }, text(key)), input);
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
      button,
      outcome,
    ),
  );
}

export function enrolled(found) {
  const cost = found.accuracy_before === null ? "" : text("savedCost", {
    count: found.val_photos,
    before: percent(found.accuracy_before, 1),
    after: percent(found.accuracy_after, 1),
  });
  return element(
    "p",
    { class: "notice good", role: "status" },
    `${text("saved", { label: found.label, photos: photos(found.photos) })} ${cost}`,
  );
}
