// How far the review is, and the kinds of problems that are left.

import { element } from "/page/dom.js";
import { count, current, words } from "./words.js";

const PROBLEMS = ["label", "duplicate", "class", "file"];

export function drawProgress(place, state, undo) {
  const done = state.total - state.left;
  const bar = element("progress", { max: Math.max(state.total, 1), value: done, "aria-label": words("progress") });
  const wrong = Math.round(state.expected_wrong);
  const button = element("button", { type: "button", class: "secondary undo", disabled: !state.can_undo, onclick: undo });
  button.append(element("kbd", { "aria-hidden": "true" }, "u"), element("span", {}, words("undo")));
  place.replaceChildren(
    element(
      "p",
      {},
      element("strong", {}, words("doneOf", { done: format(done), total: format(state.total) })),
      wrong > 0 ? element("span", { class: "soft" }, ` · ${count("expected", wrong)}`) : null,
    ),
    button,
    bar,
  );
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

const format = (number) => number.toLocaleString(current());
