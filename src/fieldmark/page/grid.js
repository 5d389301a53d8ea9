// Photos as tiles with their answers. A tile is made anew only when what it shows has changed.

import { kindWord, shortAnswer } from "./answer_kind.js";
import { arrange, element } from "./dom.js";
import { current, photos as counted, text } from "./text.js";

export class Grid {
  // `onTile(entry)` opens a photo, or selects it.
  constructor(onTile) {
    this.node = element("ul", { class: "grid" });
    this.onTile = onTile;
    this.tiles = new WeakMap(); // entry -> {shows, node}
  }

  // `selected` is a set of entries while photos are being selected, else null.
  draw(entries, selected) {
    const empty = (this.empty ??= element("li", { class: "grid-empty faint" }));
    empty.textContent = text("noneShown");
    arrange(this.node, entries.length ? entries.map((entry) => this.tile(entry, selected)) : [empty]);
  }

  tile(entry, selected) {
    const shows = [current(), entry.answer, entry.thumb, selected && selected.has(entry)];
    const before = this.tiles.get(entry);
    if (before && shows.every((each, index) => each === before.shows[index])) return before.node;
    const node = this.made(entry, selected);
    this.tiles.set(entry, { shows, node });
    return node;
  }

  made(entry, selected) {
    const { kind, path, answer } = entry;
    const { name, share } = shortAnswer(answer);
    const image = element("img", { alt: "", hidden: true });
    entry.thumb.then((thumb) => {
      if (!thumb) return;
      image.src = thumb.url;
      image.hidden = false;
    });
    const badge = kind === "unsure" || kind === "unknown" ? element("span", { class: "badge" }, kindWord(kind)) : null;
    const shown = kind === "unknown" ? text("like", { label: answer.candidates[0].label }) : name;
    const stack = entry.together ? element("span", { class: "badge stack" }, counted(entry.photos.length)) : null;
    return element(
      "li",
      { class: `tile is-${kind}` },
      element(
        "button",
        {
          type: "button",
          onclick: () => this.onTile(entry),
          title: path,
          "data-focus": `tile ${entry.id}`,
          "aria-label": text("open", { name: path, answer: `${shown} ${share} ${badge ? kindWord(kind) : ""}`.trim() }),
          "aria-pressed": selected ? String(selected.has(entry)) : null,
        },
        element("span", { class: "tile-photo" }, image, badge, stack),
        element("span", { class: "tile-words" }, element("span", { class: "tile-name" }, shown), element("span", { class: "tile-share" }, share)),
      ),
    );
  }
}
