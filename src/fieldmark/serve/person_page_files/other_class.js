// A box for any other class: one that is there, found by typing, or a new one.

import { element } from "/page/dom.js";
import { words } from "./words.js";

const LISTED = 8;

export function otherClass(classes, placeholder, onChosen) {
  const known = new Map(classes.map((name) => [name.toLocaleLowerCase(), name]));
  const input = element("input", {
    id: "other",
    type: "text",
    role: "combobox",
    autocomplete: "off",
    maxlength: "200",
    "aria-label": placeholder,
    "aria-expanded": "false",
    "aria-controls": "found",
    placeholder,
  });
  const list = element("ul", { id: "found", class: "found", role: "listbox", "aria-label": placeholder, hidden: true });
  let chosen = 0;
  let found = [];
  const take = (name) => name && onChosen(name);
  const draw = () => {
    const typed = input.value.trim();
    found = matches(classes, typed);
    const isNew = typed && !known.has(typed.toLocaleLowerCase());
    const rows = [...found.map((name) => [name, name]), ...(isNew ? [[typed, words("newClass", { label: typed })]] : [])];
    found = rows.map(([name]) => name);
    chosen = Math.min(chosen, Math.max(found.length - 1, 0));
    list.replaceChildren(
      ...rows.map(([name, label], index) =>
        element(
          "li",
          {
            id: `found-${index}`,
            role: "option",
            "aria-selected": String(index === chosen),
            onpointerdown: (event) => {
              event.preventDefault();
              take(name);
            },
          },
          label,
        ),
      ),
    );
    list.hidden = !rows.length;
    input.setAttribute("aria-expanded", String(!list.hidden));
    input.setAttribute("aria-activedescendant", rows.length ? `found-${chosen}` : "");
  };
  input.addEventListener("input", () => {
    chosen = 0;
    draw();
  });
  input.addEventListener("blur", () => {
    list.hidden = true;
    input.setAttribute("aria-expanded", "false");
  });
  input.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && found.length) {
      chosen = (chosen + step + found.length) % found.length;
      draw();
      event.preventDefault();
    } else if (event.key === "Enter" && !event.isComposing) {
      take(found[chosen]);
      event.preventDefault();
    }
  });
  return element("div", { class: "other" }, element("kbd", { "aria-hidden": "true" }, "/"), input, list);
}

// Names that begin with what is typed come first, then those with a word that does, then those that contain it.
function matches(classes, typed) {
  const wanted = typed.toLocaleLowerCase();
  if (!wanted) return [];
  const rank = (name) => {
    const lower = name.toLocaleLowerCase();
    if (lower.startsWith(wanted)) return 0;
    if (lower.split(/[\s_\-.]+/).some((word) => word.startsWith(wanted))) return 1;
    return lower.includes(wanted) ? 2 : 3;
  };
  return classes
    .map((name) => [rank(name), name])
    .filter(([order]) => order < 3)
    .sort((one, other) => one[0] - other[0])
    .slice(0, LISTED)
    .map(([, name]) => name);
}
