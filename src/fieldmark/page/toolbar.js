// Above the grid: filters with their counts, and what can be done with all photos.

import { KINDS, kindWord } from "./answer_kind.js";
import { answersCsv, download } from "./answers_csv.js";
import { server } from "./api.js";
import { button, element } from "./dom.js";
import { text } from "./text.js";

// `view` is the AlbumView.
export function toolbar(view) {
  const { album, selected } = view;
  return element("div", { class: "toolbar" }, filters(view), selected ? selecting(view) : actions(view));
}

function filters(view) {
  const { album } = view;
  const kinds = album.count("kind");
  const chip = (kind, words, count) =>
    button(`chip is-${kind}`, `${words} ${count}`, () => view.filter({ kind }), {
      "aria-pressed": String(album.filter.kind === kind),
      "data-focus": `kind ${kind}`,
      title: kind === "unsure" ? text("unsureTitle") : null,
    });
  const present = KINDS.filter((kind) => kinds.has(kind) || album.filter.kind === kind);
  return element(
    "div",
    { class: "filters", role: "group", "aria-label": text("photosHeading") },
    chip(null, text("all"), album.entries.length),
    ...present.map((kind) => chip(kind, kindWord(kind), kinds.get(kind) ?? 0)),
    classes(view),
  );
}

function classes(view) {
  const { album } = view;
  const counts = [...album.count("label")].sort(([one], [other]) => one.localeCompare(other));
  if (!counts.length) return null;
  const option = (value, words) => element("option", { value, selected: album.filter.label === (value || null) }, words);
  const select = element(
    "select",
    { "aria-label": text("byClass"), "data-focus": "class" },
    option("", text("anyClass")),
    ...counts.map(([label, count]) => option(label, `${label} (${count})`)),
  );
  select.addEventListener("change", () => view.filter({ label: select.value || null }));
  return select;
}

function actions(view) {
  const { album } = view;
  const table = () => answersCsv(album.entries, server.questions.slice(1));
  const save = () => download(`${server.name || "fieldmark"}.csv`, table());
  const several = album.entries.length > 1;
  return element(
    "div",
    { class: "actions" },
    several ? button("plain", text("select"), () => view.select(new Set()), { "data-focus": "select" }) : null,
    button("plain", text("csv"), save, { "data-focus": "csv", disabled: !album.entries.some((entry) => entry.answer) }),
    button("plain", text("clear"), () => view.clear(), { "data-focus": "clear" }),
  );
}

function selecting(view) {
  const { album, selected } = view;
  const combine = () => {
    const whole = album.combine(album.entries.filter((entry) => selected.has(entry)));
    view.select(null);
    view.open(whole);
  };
  return element(
    "div",
    { class: "actions" },
    element("span", { class: "small faint", role: "status" }, selected.size ? text("selected", { count: selected.size }) : text("selectHint")),
    button("primary", text("together"), combine, { disabled: selected.size < 2, "data-focus": "together" }),
    button("plain", text("cancel"), () => view.select(null), { "data-focus": "select" }),
  );
}
