// The photos on the page: a single one as its card, several as a grid, from which one opens as a card.

import { Card } from "./card.js";
import { arrange, button, element } from "./dom.js";
import { Grid } from "./grid.js";
import { text } from "./text.js";
import { toolbar } from "./toolbar.js";

export class AlbumView {
  constructor(album, node) {
    this.album = album;
    this.node = node;
    this.cards = new WeakMap(); // entry -> Card
    this.opened = null;
    this.selected = null;
    this.grid = new Grid((entry) => (this.selected ? this.toggle(entry) : this.open(entry, true)));
    album.addEventListener("answer", ({ detail: entry }) => this.cards.get(entry)?.answered());
    album.addEventListener("change", () => this.soon());
    album.addEventListener("gone", ({ detail: entry }) => this.cards.get(entry)?.close());
    history.replaceState(null, ""); // a reload keeps the state, but not the photos
    // The browser's own way back leads from a photo to all of them.
    window.addEventListener("popstate", () => this.album.entries.length > 1 && this.show(null));
    window.addEventListener("keydown", (event) => this.key(event));
  }

  // `byHand`: from the grid, so that the way back leads there.
  open(entry, byHand = false) {
    if (byHand) history.pushState({ photo: entry.id }, "");
    this.show(entry);
    if (byHand) this.node.querySelector(".back")?.focus();
  }

  show(entry) {
    const before = this.opened;
    this.opened = entry;
    this.draw();
    if (entry) window.scrollTo({ top: Math.min(window.scrollY, this.node.offsetTop - 12) });
    if (before && !entry) this.node.querySelector(`[data-focus="tile ${before.id}"]`)?.focus();
  }

  back() {
    if (history.state?.photo) history.back();
    else this.show(null);
  }

  step(by) {
    const shown = this.album.shown();
    const index = shown.indexOf(this.opened) + by;
    if (shown[index]) this.show(shown[index]);
  }

  key(event) {
    const typing = event.target.closest?.("input, select, textarea, dialog");
    if (!this.opened || typing || this.album.entries.length < 2) return;
    if (event.key === "ArrowLeft") this.step(-1);
    if (event.key === "ArrowRight") this.step(1);
    if (event.key === "Escape") this.back();
  }

  select(selected) {
    this.selected = selected;
    this.draw();
  }

  toggle(entry) {
    if (!this.selected.delete(entry)) this.selected.add(entry);
    this.draw();
  }

  // What the cards ask of the page.
  askAgain(entry) {
    entry.details.clear();
    this.album.ask([entry]);
  }

  remove(entry) {
    this.album.remove(entry);
    this.draw();
  }

  // What the toolbar asks of it.
  filter(change) {
    Object.assign(this.album.filter, change);
    this.draw();
  }

  clear() {
    this.album.clear();
    this.draw();
  }

  separate(whole) {
    this.opened = null;
    this.album.separate(whole);
  }

  // Many answers that arrive together are drawn once.
  soon() {
    this.pending ??= setTimeout(() => this.draw(), 30);
  }

  draw() {
    clearTimeout(this.pending);
    this.pending = undefined;
    const { entries } = this.album;
    if (!entries.includes(this.opened)) this.opened = null;
    const opened = entries.length === 1 ? entries[0] : this.opened;
    if (opened) {
      const card = this.card(opened);
      card.draw();
      arrange(this.node, [entries.length > 1 && this.navigation(opened), card.node]);
    } else if (entries.length) {
      this.grid.draw(this.album.shown(), this.selected);
      // The toolbar stays the same element, and its children are replaced: its focus is found again.
      this.bar ??= element("div");
      arrange(this.node, [this.bar, this.grid.node]);
      arrange(this.bar, [toolbar(this)]);
    } else {
      arrange(this.node, []);
    }
  }

  card(entry) {
    if (!this.cards.has(entry)) this.cards.set(entry, new Card(entry, this));
    return this.cards.get(entry);
  }

  navigation(opened) {
    const shown = this.album.shown();
    const index = shown.indexOf(opened);
    const step = (by, words, sign) =>
      button("plain step", sign, () => this.step(by), {
        "aria-label": words, title: words, disabled: !shown[index + by], "data-focus": `step ${by}`,
      });
    this.nav ??= element("nav", { class: "card-nav" });
    arrange(this.nav, [
      button("plain back", `← ${text("backToAll")}`, () => this.back(), { "data-focus": "back" }),
      element("span", { class: "small faint" }, index < 0 ? "" : text("position", { index: index + 1, count: shown.length })),
      step(-1, text("previous"), "‹"),
      step(1, text("next"), "›"),
    ]);
    return this.nav;
  }
}
