// One photo and everything that is known of it. When something arrives, only what shows it is made anew.

import { afterAnswer } from "./after_answer.js";
import * as api from "./api.js";
import { candidates, headline } from "./candidates.js";
import { arrange, element } from "./dom.js";
import { neighbours } from "./neighbours.js";
import { photoView } from "./photo_view.js";
import { current, text } from "./text.js";

const NEAR = 6;
let cards = 0;

export class Card {
  constructor(photo, server) {
    this.id = ++cards;
    this.photo = photo;
    this.server = server;
    this.explains = server.explains;
    this.url = URL.createObjectURL(photo);
    this.view = { map: "map", opacity: 70 };
    this.image = element("img", { class: "photo", src: this.url });
    this.image.addEventListener("error", () => {
      this.isShown = false;
      this.draw();
    });
    this.made = {}; // name of a part -> its element, and what it shows
    this.node = element("article", { class: "card", "aria-busy": "true" });
    this.words = element("div", { class: "words" });
    this.after = element("div", { class: "after" });
    this.known = element("div", { class: "known" });
    this.draw();
  }

  // What /v1/predict says; explanations and neighbours follow by themselves.
  async answered(answer) {
    this.answer = answer;
    this.explanation = this.explanationError = this.near = this.nearRival = undefined;
    if (answer.error) this.explains = false;
    this.node.classList.toggle("unread", Boolean(answer.error));
    this.rival = answer.candidates[1]?.label;
    this.node.setAttribute("aria-busy", "false");
    this.draw();
    if (answer.error) return;
    await Promise.all([this.findNear(), this.hold(this.rival)]);
  }

  async findNear() {
    if (!this.server.gallery) return;
    this.near = await api.search(this.photo, NEAR).catch(() => undefined);
    this.draw();
  }

  // Hold the answer against another class.
  async hold(rival) {
    this.rival = rival;
    if (this.explanation) this.view.map = "contrast";
    this.draw();
    const latest = () => this.rival === rival;
    const explained = this.explains && rival ? this.explain(rival, latest) : null;
    if (this.server.gallery && rival) {
      const found = await api.search(this.photo, NEAR, rival).catch(() => undefined);
      if (latest()) this.nearRival = found && { label: rival, found };
      this.draw();
    }
    await explained;
  }

  async explain(rival, latest) {
    try {
      const found = await api.explain(this.photo, rival);
      if (latest()) [this.explanation, this.explanationError] = [found, undefined];
    } catch (error) {
      if (latest()) [this.explanation, this.explanationError] = [undefined, error.message];
    }
    this.draw();
  }

  // The model has changed: the page learns its classes anew, and the photo is answered again.
  async askAgain() {
    this.draw();
    document.dispatchEvent(new CustomEvent("fieldmark-model-changed"));
    const [answer] = await api.predict([this.photo]);
    await this.answered(answer);
  }

  draw() {
    const held = this.node.contains(document.activeElement) ? document.activeElement : null;
    const file = this.part("file", [], () => element("p", { class: "file small faint" }, this.photo.name || ""));
    const close = this.part("close", [], () =>
      element(
        "button",
        { type: "button", class: "close plain", title: text("remove"), "aria-label": text("remove"), onclick: () => this.remove() },
        "×",
      ),
    );
    arrange(this.node, [file, close, ...this.parts()]);
    if (held) this.refocus(held);
  }

  // An element is kept for as long as what it shows is the same, so that photos neither flicker nor load again.
  part(name, shows, make) {
    const inputs = [current(), ...shows];
    const before = this.made[name];
    if (before && inputs.every((input, index) => input === before.inputs[index])) return before.node;
    this.made[name] = { inputs, node: make() };
    return this.made[name].node;
  }

  // Who works by keyboard stays where they were: on the same element, or on the one that took its place.
  refocus(held) {
    const same = [...this.node.querySelectorAll("[data-focus]")].find((node) => node.dataset.focus === held.dataset.focus);
    (held.isConnected ? held : same)?.focus({ preventScroll: true });
  }

  parts() {
    const { answer, explanation, explanationError, isShown } = this;
    const view = this.part("view", [answer, explanation, explanationError, isShown], () => photoView(this));
    if (!answer) return [view, this.part("skeleton", [], () => element("div", { class: "words skeleton" }))];
    if (answer.error) return [view, this.part("failed", [answer], () => failed(answer))];
    arrange(this.words, this.answerParts());
    arrange(this.known, [
      this.part("near", [this.near], () => neighbours(text("nearest"), this.near)),
      this.part("nearRival", [this.nearRival], () => {
        const { label, found } = this.nearRival ?? {};
        return neighbours(text("nearestOf", { label }), found);
      }),
    ]);
    return [view, this.words, this.known];
  }

  answerParts() {
    const { answer, rival } = this;
    const onRival = this.explains || this.server.gallery ? (label) => this.hold(label) : null;
    arrange(this.after, afterAnswer(this));
    return [
      this.part("headline", [answer], () => headline(answer)),
      this.part("candidates", [answer, rival], () => candidates(answer, rival, onRival)),
      this.after,
    ];
  }

  remove() {
    URL.revokeObjectURL(this.url);
    this.node.remove();
    this.node.dispatchEvent(new CustomEvent("gone"));
  }
}

function failed(answer) {
  return element("div", { class: "words" }, element("h2", { class: "wrong" }, text("failed")), element("p", {}, answer.error));
}
