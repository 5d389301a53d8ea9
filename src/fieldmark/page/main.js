// The page: photos in, answers out.

import { Album } from "./album.js";
import { AlbumView } from "./album_view.js";
import { learnModel, server } from "./api.js";
import { openChanges } from "./changes_dialog.js";
import { inWords } from "./errors.js";
import { openHistory } from "./history_dialog.js";
import { remember } from "./history_store.js";
import { takeIn } from "./intake.js";
import { current, photos as counted, text, toggle } from "./text.js";

const status = document.getElementById("status");
const album = new Album();
const view = new AlbumView(album, document.getElementById("answers"));
let said = () => ""; // the status line, said again in the other language

function drawWords() {
  document.documentElement.lang = current();
  for (const node of document.querySelectorAll("[data-text]")) node.textContent = text(node.dataset.text);
  const language = document.getElementById("language");
  language.textContent = text("other");
  language.setAttribute("aria-label", text("otherLabel"));
  const model = document.getElementById("model");
  const { name, classes } = server;
  model.textContent = classes.length ? text("model", { name, count: classes.length }) : "";
  model.title = text("modelTitle");
  document.getElementById("changes").hidden = !server.enrolls;
  document.title = name ? `${name} · Fieldmark` : "Fieldmark";
  status.textContent = said();
  view.draw();
}

function say(words) {
  said = words;
  const now = words();
  if (status.textContent !== now) status.textContent = now;
}

async function learn() {
  try {
    await learnModel();
    say(() => "");
  } catch (error) {
    say(() => inWords(error));
  }
  drawWords();
}

async function answer({ photos, skipped }) {
  if (!server.classes.length) await learn();
  if (!server.classes.length) return;
  if (!photos.length) return say(() => (skipped ? text("dropNothing") : ""));
  left = skipped;
  const fresh = album.add(photos);
  if (fresh.length === 1) view.open(fresh[0]);
  else view.show(null);
  document.getElementById("status").scrollIntoView({ block: "nearest" });
}

let left = 0; // files of a folder that are no photos

function report() {
  const all = album.entries.length;
  document.body.classList.toggle("answering", all > 0);
  const done = album.entries.filter((entry) => entry.answer).length;
  const rest = () => (left ? ` ${text("skipped", { count: left })}` : "");
  if (!all) say(() => "");
  else if (done < all) say(() => text("reading", { done, count: counted(all) }) + rest());
  else say(() => text("done", { count: counted(all) }) + rest());
}

album.addEventListener("change", report);
album.addEventListener("answer", async ({ detail: entry }) => {
  const { answer: found, path } = entry;
  if (found.error) return;
  const thumb = await entry.thumb;
  // Where the browser keeps no database, the page works without a history.
  await remember({ when: Date.now(), model: server.name, path, answer: found, thumb: thumb?.blob }).catch(() => {});
});
document.getElementById("language").addEventListener("click", () => {
  toggle();
  drawWords();
});
document.getElementById("history").addEventListener("click", openHistory);
document.getElementById("changes").addEventListener("click", openChanges);
document.addEventListener("fieldmark-model-changed", learn);
takeIn(answer);
learn();
