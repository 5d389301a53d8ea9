// What a person can do with the photo itself: choose its subject, or look at the other photos of the subject.

import { shortAnswer } from "./answer_kind.js";
import { openCrop } from "./crop_dialog.js";
import { button, element } from "./dom.js";
import { text } from "./text.js";

export function photoTools(card) {
  const { entry } = card;
  if (entry.together) return element("div", { class: "tools" }, strip(card), apart(card));
  const [photo] = entry.photos;
  if (card.images.get(card.photo)?.dataset.broken) return null;
  const use = (change) => {
    change();
    card.page.askAgain(entry);
    card.answered();
  };
  return element(
    "div",
    { class: "tools" },
    photo.whole ? element("p", { class: "small faint" }, text("cropped")) : null,
    button("secondary crop-open", text("crop"), () =>
      openCrop(photo.whole ?? photo.file, (part) => use(() => entry.useFile(part)), photo.whole ? null : entry.answer?.box),
      { "data-focus": "crop" }),
    photo.whole
      ? button("secondary", text("cropWhole"), () => use(() => entry.useWhole()), { "data-focus": "whole" })
      : null,
  );
}

// Small pictures of all photos of the subject, with what each would be by itself.
function strip(card) {
  const tiles = card.entry.members.map((member, index) => {
    const image = element("img", { alt: member.path });
    member.thumb.then((thumb) => { if (thumb) image.src = thumb.url; });
    const { name, share } = shortAnswer(member.answer);
    const pressed = String(index === card.shownIndex);
    return element(
      "li",
      {},
      button("strip-photo", image, () => card.show(index), { "aria-pressed": pressed, "data-focus": `strip ${index}` }),
      element("span", { class: "small faint" }, text("ownAnswer", { label: `${name} ${share}`.trim() })),
    );
  });
  return element("ul", { class: "strip" }, ...tiles);
}

function apart(card) {
  return button("secondary", text("separate"), () => card.page.separate(card.entry), { "data-focus": "separate" });
}
