// The page: photos in, cards out.

import * as api from "./api.js";
import { Card } from "./card.js";
import { takeIn } from "./intake.js";
import { current, photos as counted, text, toggle } from "./text.js";

const AT_ONCE = 8; // photos in a request, so that the first answers come soon

const answers = document.getElementById("answers");
const status = document.getElementById("status");
let cards = [];
let server = null;

function drawWords() {
  document.documentElement.lang = current();
  for (const node of document.querySelectorAll("[data-text]")) node.textContent = text(node.dataset.text);
  const language = document.getElementById("language");
  language.textContent = text("other");
  language.setAttribute("aria-label", text("otherLabel"));
  const model = document.getElementById("model");
  model.textContent = server ? text("model", { count: server.classes.length }) : "";
  for (const card of cards) card.draw();
}

async function learn() {
  try {
    server = await api.model();
    status.textContent = "";
  } catch (error) {
    status.textContent = error.message;
  }
  drawWords();
}

async function answer(photos) {
  if (!server) await learn();
  if (!server) return;
  document.body.classList.add("answering");
  const fresh = photos.map((photo) => new Card(photo, server));
  for (const card of fresh) card.node.addEventListener("gone", () => { cards = cards.filter((each) => each !== card); });
  cards.unshift(...fresh);
  answers.prepend(...fresh.map((card) => card.node));
  status.textContent = text("reading", { count: counted(photos.length) });
  const details = [];
  for (const part of parts(fresh)) details.push(...(await answerPart(part)));
  status.textContent = text("done", { count: counted(photos.length) });
  await Promise.all(details);
}

// As many photos together as the server takes in a request.
function parts(fresh) {
  const size = Math.min(AT_ONCE, server.max_photos);
  const found = [];
  let bytes = Infinity;
  for (const card of fresh) {
    bytes += card.photo.size;
    if (bytes > 0.95 * server.max_bytes || found.at(-1).length >= size) {
      found.push([]);
      bytes = card.photo.size;
    }
    found.at(-1).push(card);
  }
  return found;
}

async function answerPart(part) {
  try {
    const found = await api.predict(part.map((card) => card.photo));
    return part.map((card, index) => card.answered(found[index]));
  } catch (error) {
    return part.map((card) => card.answered({ candidates: [], error: error.message }));
  }
}

document.getElementById("language").addEventListener("click", () => {
  toggle();
  drawWords();
});
document.addEventListener("fieldmark-model-changed", learn);
takeIn(answer);
learn();
