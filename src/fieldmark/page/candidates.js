// The answer in words, and its candidates as bars with the prediction set marked.

import { kindOf } from "./answer_kind.js";
import { element } from "./dom.js";
import { percent, text } from "./text.js";

export function headline(answer, server) {
  const [first] = answer.candidates;
  const count = server.classes.length;
  const kind = kindOf(answer);
  if (kind === "unknown") return words(kind, text("unknownKicker"), text("unknown", { count }));
  if (answer.ancestor) {
    return words(kind, text("backoff", { rank: answer.rank, label: first.label }), answer.ancestor);
  }
  const kicker = kind === "sure" ? "sure" : answer.rank ? "likely" : "unsure";
  return words(kind, text(kicker), first.label, percent(first.probability));
}

function words(kind, kicker, name, share) {
  return element(
    "div",
    { class: `headline is-${kind}` },
    element("p", { class: "kicker" }, kicker),
    element(
      "h2",
      {},
      element("span", { class: "name" }, name),
      share ? element("span", { class: "share" }, share) : null,
    ),
  );
}

export function candidates(answer, rival, server, onRival) {
  const inSet = new Set(answer.set ?? []);
  const rows = answer.candidates.map((candidate, index) => row(candidate, index, inSet, rival, onRival));
  return element(
    "div",
    { class: `candidates${answer.unknown ? " neutral" : ""}` },
    element("h3", {}, text(answer.unknown ? "unknownCandidates" : "candidates")),
    element("ol", {}, ...rows),
    answer.set ? set(answer, server) : null,
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

// What a prediction set promises.
export function setWords(answer) {
  const values = { coverage: percent(answer.coverage), count: answer.set.length };
  return text(answer.set.length === 1 ? "setOne" : "setMany", values);
}

// What the marked rows are, and what they promise.
function set(answer, server) {
  const shown = answer.candidates.filter((candidate) => answer.set.includes(candidate.label)).length;
  const more = answer.set.length - shown;
  return element(
    "p",
    { class: "set small" },
    element("span", { class: "mark", "aria-hidden": "true" }, "●"),
    element(
      "span",
      {},
      element("b", {}, text("set")),
      " ",
      answer.unknown
        ? text("setUnknown", { count: server.classes.length })
        : setWords(answer),
      more > 0 ? ` ${text("setMore", { count: more })}` : "",
    ),
  );
}
