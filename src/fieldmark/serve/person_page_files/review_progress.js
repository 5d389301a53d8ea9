// How far the review is, and the kinds of problems that are left.

import { element } from "/page/dom.js";
import { count, format, words } from "./words.js";

const PROBLEMS = ["label", "duplicate", "class", "file"];

export function progressWords(state, done) {
  const wrong = Math.round(state.expected_wrong);
  return [
    element("strong", {}, words("doneOf", { done: format(done), total: format(state.total) })),
    wrong > 0 ? element("span", { class: "soft" }, ` · ${count("expected", wrong)}`) : null,
  ];
}

export function drawProblems(place, state, chosen, choose) {
  const left = (name) => state.items.filter((one) => name === "all" || one.problem === name).length;
  const shown = ["all", ...PROBLEMS.filter((name) => left(name))];
  place.setAttribute("aria-label", words("problems"));
  place.replaceChildren(
    ...shown.map((name) =>
      element(
        "button",
        { type: "button", class: "chip", "aria-pressed": String(name === chosen), onclick: () => choose(name) },
        `${words(`problem_${name}`)} `,
        element("span", { class: "soft" }, format(left(name))),
      ),
    ),
  );
}
