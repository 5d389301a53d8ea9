// One photo, or one subject, and everything that is known of it. When something arrives, only what shows it is made anew.

import { afterAnswer } from "./after_answer.js";
import * as api from "./api.js";
import { candidates, headline } from "./candidates.js";
import { arrange, button, element, refocus } from "./dom.js";
import { inWords } from "./errors.js";
import { neighbours } from "./neighbours.js";
import { photoTools } from "./photo_tools.js";
import { photoView } from "./photo_view.js";
import { current, photos as counted, text } from "./text.js";

const NEAR = 6;
const FAR = { waiting: true };

export class Card {
  // `page` does what reaches beyond the card: askAgain(entry), remove(entry), separate(entry).
  constructor(entry, page) {
    this.entry = entry;
    this.page = page;
    this.id = entry.id;
    this.server = api.server;
    this.explains = api.server.explains;
    this.view = { map: "map", opacity: 70 };
    this.images = new Map(); // file -> its element, kept so that the photo does not flicker
    this.made = {}; // name of a part -> its element, and what it shows
    this.node = element("article", { class: "card", "aria-busy": "true" });
    this.words = element("div", { class: "words" });
    this.after = element("div", { class: "after" });
    this.known = element("div", { class: "known" });
    this.shownIndex = 0;
    this.answered();
  }

  get answer() {
    return this.entry.answer;
  }

  // The photo that is shown, and all photos of the subject.
  get photo() {
    return this.entry.files[this.shownIndex];
  }

  get photos() {
    return this.entry.files;
  }

  // The explanation against the rival: {waiting}, {found} or {error}.
  get explanation() {
    return this.detail(`explain ${this.rival}`);
  }

  // The entry has an answer, another one, or none any more. Explanations and neighbours follow by themselves.
  answered() {
    const { answer } = this;
    this.node.classList.toggle("unread", Boolean(answer?.error));
    this.node.setAttribute("aria-busy", String(!answer));
    this.rival = answer?.candidates[1]?.label;
    this.lastMap = undefined;
    this.draw();
    if (answer && !answer.error) this.findDetails();
  }

  findDetails() {
    const { photo, rival, server } = this;
    if (server.gallery) this.fetch("near", () => api.search(photo, NEAR));
    if (server.gallery && rival) this.fetch(`near ${rival}`, () => api.search(photo, NEAR, rival));
    if (this.explains && rival) this.fetch(`explain ${rival}`, () => api.explain(photo, this.against(rival)));
  }

  // Compare the answer with another class.
  hold(rival) {
    this.rival = rival;
    if (this.explains) this.view.map = "contrast";
    this.draw();
    this.findDetails();
  }

  // Show another photo of the subject.
  show(index) {
    this.shownIndex = index;
    this.lastMap = undefined;
    this.draw();
    this.findDetails();
  }

  // By itself a photo of a subject may look most like the rival; it is then held against the subject's class.
  against(rival) {
    const own = this.entry.members[this.shownIndex]?.answer;
    return own?.candidates[0]?.label === rival ? this.answer.candidates[0].label : rival;
  }

  detail(name) {
    return this.entry.details.get(this.photo)?.get(name);
  }

  // Ask for a detail of the shown photo once. An answer that comes late belongs to its own photo and rival.
  async fetch(name, request) {
    const { photo } = this;
    const all = this.entry.details;
    if (!all.has(photo)) all.set(photo, new Map());
    const found = all.get(photo);
    if (found.has(name)) return;
    found.set(name, FAR);
    this.draw();
    const outcome = await request().then((value) => ({ found: value }), (error) => ({ error }));
    found.set(name, outcome);
    if (this.explanation?.found) this.lastMap = this.explanation.found;
    this.draw();
  }

  // The model has changed: the page learns its classes anew, and the photo is answered again.
  askAgain() {
    this.draw();
    document.dispatchEvent(new CustomEvent("fieldmark-model-changed"));
    this.page.askAgain(this.entry);
  }

  // The photo is taken off the page: its memory is given back.
  close() {
    for (const image of this.images.values()) URL.revokeObjectURL(image.src);
  }

  draw() {
    const held = this.node.contains(document.activeElement) ? document.activeElement : null;
    const file = this.part("file", [this.entry.path], () =>
      element("p", { class: "file small faint" }, this.entry.together
        ? text("subject", { photos: counted(this.photos.length) })
        : this.entry.path),
    );
    const close = this.part("close", [], () =>
      button("close plain", "×", () => this.page.remove(this.entry), { title: text("remove"), "aria-label": text("remove") }),
    );
    arrange(this.node, [file, close, ...this.parts()]);
    if (held) refocus(this.node, held);
  }

  // An element is kept for as long as what it shows is the same, so that photos neither flicker nor load again.
  part(name, shows, make) {
    const inputs = [current(), ...shows];
    const before = this.made[name];
    if (before && inputs.every((input, index) => input === before.inputs[index])) return before.node;
    this.made[name] = { inputs, node: make() };
    return this.made[name].node;
  }

  parts() {
    const { answer, rival, photo } = this;
    const seen = [answer, rival, photo, this.explanation, this.images.get(photo)?.dataset.broken];
    const view = this.part("view", seen, () => photoView(this));
    const left = element("div", { class: "view" });
    const viewer = (this.made.viewer ??= { node: left }).node;
    const members = this.entry.members.map((member) => member.answer);
    const tools = this.part("tools", [photo, answer, this.explains, ...members], () => photoTools(this));
    arrange(viewer, [view, tools]);
    if (!answer) return [viewer, this.part("skeleton", [], () => element("div", { class: "words skeleton" }))];
    if (answer.error) return [viewer, this.part("failed", [answer], () => failed(this))];
    arrange(this.after, afterAnswer(this));
    arrange(this.words, [
      this.part("headline", [answer, this.server.classes], () => headline(answer, this.server)),
      this.part("candidates", [answer, rival], () => candidates(answer, rival, this.server, this.onRival())),
      this.after,
    ]);
    const near = this.detail("near");
    const nearRival = this.detail(`near ${rival}`);
    arrange(this.known, [
      this.part("near", [near, photo], () => neighbours(text("nearest"), near, this)),
      this.part("nearRival", [nearRival, rival, photo], () =>
        neighbours(text("nearestOf", { label: rival }), nearRival, this)),
    ]);
    return [viewer, this.words, this.known];
  }

  onRival() {
    return this.explains || this.server.gallery ? (label) => this.hold(label) : null;
  }
}

function failed({ answer, entry }) {
  return element(
    "div",
    { class: "words" },
    element("h2", { class: "wrong" }, text("failed")),
    element("p", {}, inWords(answer.error, entry.path)),
  );
}
