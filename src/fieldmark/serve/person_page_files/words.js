// Texts of the pages for one person, in the language of the served page.

import { current } from "/page/text.js";
import en from "./texts/en.js";
import zh from "./texts/zh.js";

export { current, percent, toggle } from "/page/text.js";

const TEXTS = { en, zh };

export function words(key, values = {}) {
  return TEXTS[current()][key].replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
}

export const format = (number) => number.toLocaleString(current());

export const count = (key, number) => words(number === 1 ? `${key}One` : `${key}Many`, { count: format(number) });
