// A form that changes the model, folded behind its title, and the notice that takes its place, with a way back.

import { button, element } from "./dom.js";
import { inWords } from "./errors.js";
import { text } from "./text.js";
import { field, knownToken, tokenInput } from "./token_field.js";

// `send(token)` sends what the fields hold; what it throws is shown, and the form can be sent again.
export function changeForm(name, title, saveWords, fields, send) {
  const token = tokenInput();
  const save = element("button", { type: "submit", class: "primary" }, saveWords);
  const outcome = element("p", { class: "small", role: "status" });
  const submit = async (event) => {
    event.preventDefault();
    save.disabled = true;
    outcome.className = "small";
    outcome.textContent = text("saving");
    try {
      await send(token.value);
    } catch (error) {
      outcome.className = "small wrong";
      outcome.textContent = inWords(error);
      save.disabled = false;
    }
  };
  const form = element("form", { onsubmit: submit }, ...fields, field("token", token), save, outcome);
  return element("details", { class: name }, element("summary", {}, title), form);
}

export function changed(sentences, focus, undo) {
  const outcome = element("span", { class: "small", role: "status" });
  const back = button("plain", text("undo"), async () => {
    back.disabled = true;
    try {
      await undo(knownToken());
    } catch (error) {
      back.disabled = false;
      outcome.textContent = inWords(error);
    }
  }, { "data-focus": focus });
  return element("div", { class: "notice good", role: "status" }, ...sentences, back, outcome);
}
