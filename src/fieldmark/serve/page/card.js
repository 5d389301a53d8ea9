// One photo and everything that is known of it. A card is drawn anew when something arrives.

import * as api from "./api.js";
import { candidates, headline } from "./candidates.js";
import { element } from "./dom.js";
import { enrolled, enrollForm } from "./enroll_form.js";
import { neighbours } from "./neighbours.js";
import { photoView } from "./photo_view.js";
import { text } from "./text.js";

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
    this.node = element("article", { class: "card", "aria-busy": "true" });
    this.draw();
  }

  // What /v1/predict says; explanations and neighbours follow by themselves.
  async answered(answer) {
    this.answer = answer;
    this.explanation = this.explanationError = this.near = this.nearRival = undefined;
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
      if (latest()) this.nearRival = found;
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

  async saved() {
    this.draw();
    document.dispatchEvent(new CustomEvent("fieldmark-enrolled"));
    const [answer] = await api.predict([this.photo]);
    await this.answered(answer);
  }

  draw() {
    const open = this.node.querySelector("details")?.open; // a form that is being filled in stays as it is
    const form = open && !this.enrolment ? this.node.querySelector("details") : null;
    const close = element(
      "button",
      { type: "button", class: "close plain", title: text("remove"), "aria-label": text("remove"), onclick: () => this.remove() },
      "×",
    );
    const held = this.node.contains(document.activeElement) ? document.activeElement : null;
    this.node.replaceChildren(element("p", { class: "file small faint" }, this.photo.name || ""), close, ...this.parts(form));
    if (held) this.refocus(held);
  }

  // Who works by keyboard stays where they were: on the same element, or on the one that took its place.
  refocus(held) {
    const same = [...this.node.querySelectorAll("[data-focus]")].find((node) => node.dataset.focus === held.dataset.focus);
    (held.isConnected ? held : same)?.focus({ preventScroll: true });
  }

  parts(form) {
    const { answer } = this;
    if (!answer) return [photoView(this), element("div", { class: "words skeleton" })];
    if (answer.error) {
      return [
        photoView({ ...this, explains: false }),
        element("div", { class: "words" }, element("h2", { class: "wrong" }, text("failed")), element("p", {}, answer.error)),
      ];
    }
    const onRival = this.explains || this.server.gallery ? (label) => this.hold(label) : null;
    const ask = this.server.enrolls && !this.enrolment ? (form ?? enrollForm(this, () => this.saved())) : null;
    return [
      photoView(this),
      element(
        "div",
        { class: "words" },
        this.enrolment ? enrolled(this.enrolment) : null,
        headline(answer),
        candidates(answer, this.rival, onRival),
        ask,
      ),
      element(
        "div",
        { class: "known" },
        neighbours(text("nearest"), this.near),
        neighbours(text("nearestOf", { label: this.rival }), this.nearRival),
      ),
    ].filter(Boolean);
  }

  remove() {
    URL.revokeObjectURL(this.url);
    this.node.remove();
    this.node.dispatchEvent(new CustomEvent("gone"));
  }
}
