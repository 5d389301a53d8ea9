// The answers to the further questions of a model, below the candidates of the first one.

import { setWords } from "./candidates.js";
import { element } from "./dom.js";
import { percent, text } from "./text.js";

export function furtherAnswers(answer, questions) {
  const rows = questions.map((name) => row(name, answer.answers[name]));
  return element("dl", { class: "further" }, ...rows);
}

function row(name, answer) {
  const [first, second] = answer.candidates;
  const other = second ? `${second.label} ${percent(second.probability)}` : null;
  return element(
    "div",
    {},
    element("dt", { class: "small" }, name),
    element(
      "dd",
      {},
      answer.unknown
        ? element("span", { class: "none" }, text("noAnswer"))
        : element("span", { class: "name" }, first.label, element("span", { class: "share" }, percent(first.probability))),
      other && !answer.unknown ? element("span", { class: "small faint" }, other) : null,
      answer.unknown ? element("span", { class: "small faint" }, `${first.label} ${percent(first.probability)}`) : null,
      answer.set ? element("span", { class: "small faint" }, setOf(answer)) : null,
    ),
  );
}

function setOf(answer) {
  return `${answer.set.join(", ")} – ${setWords(answer)}`;
}
