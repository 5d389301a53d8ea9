// One item: its photos, the question, and what may be chosen.

import { element } from "/page/dom.js";
import { choice } from "./keys.js";
import { otherClass } from "./other_class.js";
import { picture } from "./picture.js";
import { percent, words } from "./words.js";

export function drawItem(item, classes, decide, later) {
  const parts = { label: suspect, duplicate: duplicates, class: small, file: unreadable }[item.problem](item, decide);
  return element(
    "article",
    { class: `work ${item.problem}` },
    element("div", { class: "photos" }, ...parts.photos),
    element(
      "div",
      { class: "ask" },
      element("h1", {}, parts.title),
      element("p", { class: "soft" }, parts.reason),
      element(
        "div",
        { class: "choices" },
        ...parts.choices,
        choice("d", words(item.photos.length > 1 ? "dropAll" : "drop"), () => decide("drop")),
        choice("c", words("cannotTell"), () => decide("cannot tell")),
        element(
          "button",
          { type: "button", class: "choice quiet", onclick: later },
          element("kbd", { "aria-hidden": "true" }, "→"),
          element("span", {}, words("later")),
        ),
      ),
      item.problem === "file"
        ? null
        : otherClass(classes, words(parts.other ?? "otherClass"), (label) => decide("relabel", { label })),
    ),
    ...(item.nearest ?? []).map(near),
  );
}

const url = (photo) => `/v1/review/photo/${photo.number}`;

function figure(photo, size, ...more) {
  const split = photo.split ? ` · ${photo.split}` : "";
  return element(
    "figure",
    { class: photo.dropped ? "dropped" : "" },
    picture(url(photo), photo.path, size),
    element("figcaption", {}, element("strong", {}, photo.label), split, element("span", { class: "path" }, photo.path)),
    ...more,
  );
}

function suspect(item, decide) {
  const [first] = item.suggestions;
  const values = { given: item.given, share: percent(item.given_probability, 1), label: first.label, other: percent(first.probability) };
  return {
    photos: [figure(item.photos[0], "large")],
    title: words("isIt", { label: item.given }),
    reason: words("suspectReason", values),
    choices: [
      choice("k", words("keepLabel", { label: item.given }), () => decide("keep")),
      ...item.suggestions.map((one, index) =>
        choice(
          String(index + 1),
          [element("span", {}, words("itIs", { label: one.label })), element("span", { class: "share" }, percent(one.probability))],
          () => decide("relabel", { label: one.label }),
        ),
      ),
    ],
  };
}

function duplicates(item, decide) {
  const open = item.photos.filter((photo) => !photo.dropped);
  const labels = [...new Set(open.map((photo) => photo.label))];
  const only = (photo, index) =>
    photo.dropped || index > 8
      ? null
      : choice(String(index + 1), words("keepOnly"), () => decide("keep only", { photo: photo.number }));
  const more = item.count - item.photos.length;
  return {
    photos: [
      element("div", { class: "side-by-side" }, ...item.photos.map((photo, index) => figure(photo, "large", only(photo, index)))),
      more > 0 ? element("p", { class: "soft" }, words("morePhotos", { count: more })) : null,
    ].filter(Boolean),
    title: words(`title_${item.code}`),
    reason: words(`reason_${item.code}`),
    other: "allOther",
    choices: [
      choice("k", words(open.length > 2 ? "keepAll" : "keepBoth"), () => decide("keep")),
      ...(labels.length > 1
        ? labels.slice(0, 2).map((label, index) => choice("ab"[index], words("allAre", { label }), () => decide("relabel", { label })))
        : []),
    ],
  };
}

function small(item, decide) {
  return {
    photos: [element("div", { class: "side-by-side" }, ...item.photos.map((photo) => figure(photo, "large")))],
    title: words("fewTitle", { label: item.given, count: item.count }),
    reason: words("fewReason"),
    other: "merge",
    choices: [choice("k", words("keepClass"), () => decide("keep"))],
  };
}

function unreadable(item, decide) {
  return {
    photos: [element("figure", {}, element("p", { class: "gone" }, words("gone")), element("figcaption", {}, element("span", { class: "path" }, item.photos[0].path)))],
    title: words("unreadableTitle"),
    reason: item.reason,
    choices: [choice("k", words("keepFile"), () => decide("keep"))],
  };
}

function near(group) {
  return element(
    "section",
    { class: "near" },
    element("h2", {}, words("nearest", { label: group.label })),
    element(
      "ul",
      {},
      ...group.photos.map((photo) =>
        element(
          "li",
          {},
          picture(url(photo), photo.path, "small"),
          element("span", { class: "soft" }, words("similarity", { value: photo.similarity.toFixed(2) })),
        ),
      ),
    ),
  );
}
