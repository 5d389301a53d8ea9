// The answer in words, and its candidates as bars with the conformal set marked.

import { element } from "./dom.js";
import { percent, text } from "./text.js";

export function headline(answer) {
  const [first] = answer.candidates;
  const isClass = answer.rank && !answer.ancestor;
  let kicker = isClass ? text("sure") : text("unsure");
  if (answer.ancestor) kicker = text("backoff", { rank: answer.rank, label: first.label });
  return element(
    "div",
    { class: "headline" },
    element("p", { class: "kicker" }, kicker),
    element(
      "h2",
      {},
      element("span", { class: "name" }, answer.ancestor ?? first.label),
      answer.ancestor ? null : element("span", { class: "share" }, percent(first.probability)),
    ),
    answer.unknown ? element("p", { class: "notice" }, text("unknown")) : null,
  );
}

export function candidates(answer, rival, onRival) {
  const inSet = new Set(answer.set ?? []);
  const rows = answer.candidates.map((candidate, index) => row(candidate, index, inSet, rival, onRival));
  const shown = answer.candidates.filter((candidate) => inSet.has(candidate.label)).length;
  return element(
    "div",
    { class: "candidates" },
    element("ol", {}, ...rows),
    inSet.size > shown ? element("p", { class: "small" }, text("setMore", { count: inSet.size - shown })) : null,
    answer.set ? element("p", { class: "small" }, setWords(answer)) : null,
    rows.length > 1 && onRival ? element("p", { class: "small faint" }, text("compareHint")) : null,
  );
}

function row(candidate, index, inSet, rival, onRival) {
  const { label, probability } = candidate;
  const marked = inSet.has(label);
  const bar = element("span", { class: "bar" }, element("span", { class: "fill" }));
  bar.firstChild.style.width = `${Math.max(0.6, 100 * probability)}%`;
  const parts = [
    element("span", { class: "label" }, label),
    element("span", { class: "mark", title: marked ? text("inSet") : null }, marked ? "●" : ""),
    bar,
    element("span", { class: "value" }, percent(probability)),
    marked ? element("span", { class: "hidden" }, `, ${text("inSet")}`) : null,
  ];
  const name = `candidate${marked ? " marked" : ""}${index === 0 ? " first" : ""}`;
  if (index === 0 || !onRival) return element("li", {}, element("div", { class: name }, ...parts));
  const pick = element(
    "button",
    {
      type: "button",
      class: name,
      "data-focus": `rival ${label}`,
      title: text("compare", { label }),
      "aria-pressed": String(label === rival),
      onclick: () => onRival(label),
    },
    ...parts,
  );
  return element("li", {}, pick);
}

export function setWords(answer) {
  const values = { coverage: percent(answer.coverage), count: answer.set.length };
  return text(answer.set.length === 1 ? "setOne" : "setMany", values);
}
