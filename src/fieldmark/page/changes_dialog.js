// What people changed on this page: the corrections and the enrolled classes, each with a way back.

import * as api from "./api.js";
import { button, element, openDialog } from "./dom.js";
import { inWords } from "./errors.js";
import { current, percent, photos, text } from "./text.js";
import { field, forgetToken, knownToken, rememberToken, tokenInput } from "./token_field.js";

export function openChanges() {
  const body = element("div", { class: "changes-body" });
  const urls = [];
  openDialog("changes", text("changes"), text("close"), [body], () => urls.forEach((url) => URL.revokeObjectURL(url)));
  show(body, urls);
}

async function show(body, urls) {
  if (!knownToken()) return body.replaceChildren(ask(body, urls));
  try {
    const listed = await api.feedback(knownToken());
    body.replaceChildren(
      corrections(listed, body, urls),
      classes(body, urls),
    );
  } catch (error) {
    if (error.status === 401) forgetToken();
    body.replaceChildren(
      element("p", { class: "small wrong", role: "status" }, inWords(error)),
      error.status === 401 ? ask(body, urls) : "",
    );
  }
}

function ask(body, urls) {
  const token = tokenInput();
  const submit = (event) => {
    event.preventDefault();
    rememberToken(token.value);
    show(body, urls);
  };
  const go = element("button", { type: "submit", class: "primary" }, text("showChanges"));
  return element("form", { class: "changes-token", onsubmit: submit }, field("token", token), go);
}

function corrections(listed, body, urls) {
  return element(
    "section",
    {},
    element("h3", {}, text("corrections", { count: listed.length })),
    element("p", { class: "small faint" }, text(listed.length ? "correctionsLead" : "correctionsNone")),
    element("ul", { class: "history-list" }, ...listed.map((one) => correction(one, body, urls))),
  );
}

function correction(one, body, urls) {
  const image = element("img", { alt: one.name });
  api.feedbackPhoto(one.id, knownToken()).then((blob) => {
    image.src = URL.createObjectURL(blob);
    urls.push(image.src);
  }, () => image.replaceWith(element("span", { class: "gone" }, text("gone"))));
  const time = new Intl.DateTimeFormat(current(), { dateStyle: "medium", timeStyle: "short" }).format(new Date(one.made));
  const answer = one.unknown ? text("noneKnown") : `${one.answer} ${percent(one.probability)}`;
  const notes = [time, one.name, one.new_class && text("newClass"), one.trained && text("trained")];
  const words = element(
    "div",
    {},
    element("p", {}, element("b", {}, one.label)),
    element("p", { class: "small faint" }, text("answeredAs", { answer })),
    element("p", { class: "small faint" }, notes.filter(Boolean).join(" · ")),
  );
  return element("li", {}, image, words, undo(() => api.undoCorrection(one.id, knownToken()), text("undo"), body, urls));
}

function classes(body, urls) {
  const counts = Object.entries(api.server.enrolled_photos);
  const rows = counts.map(([label, count]) => {
    const words = element(
      "div",
      {},
      element("p", {}, element("b", {}, label)),
      element("p", { class: "small faint" }, text("fromPhotos", { photos: photos(count) })),
      count === 1 ? element("p", { class: "small" }, text("onePhoto")) : null,
    );
    return element("li", {}, words, undo(() => api.unenroll(label, knownToken()), text("removeClass"), body, urls));
  });
  return element(
    "section",
    {},
    element("h3", {}, text("enrolledClasses", { count: counts.length })),
    counts.length ? element("ul", { class: "history-list plain-list" }, ...rows) : element("p", { class: "small faint" }, text("enrolledNone")),
  );
}

function undo(change, words, body, urls) {
  const node = button("secondary", words, async () => {
    node.disabled = true;
    try {
      await change();
      await api.learnModel();
      document.dispatchEvent(new CustomEvent("fieldmark-model-changed"));
      show(body, urls);
    } catch (error) {
      node.disabled = false;
      node.replaceWith(element("span", { class: "small wrong", role: "status" }, inWords(error)));
    }
  });
  return node;
}
