// The choice of the language, and texts, counts and shares in it.

import en from "./texts/en.js";
import zh from "./texts/zh.js";

const TEXTS = { en, zh };

const asked = new URLSearchParams(location.search).get("lang");
let language = [asked, navigator.language].find((each) => each && each.slice(0, 2) in TEXTS)?.slice(0, 2) ?? "en";

export const current = () => language;

export function toggle() {
  language = language === "en" ? "zh" : "en";
}

export function text(key, values = {}) {
  return TEXTS[language][key].replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
}

export const photos = (count) => (count === 1 ? text("photosOne") : text("photosMany", { count }));

export function percent(share, digits = 0) {
  const format = new Intl.NumberFormat(language, { style: "percent", maximumFractionDigits: digits });
  if (share > 0.995 && share < 1) return `> ${format.format(0.99)}`;
  if (share > 0 && share < 0.005) return `< ${format.format(0.01)}`;
  return format.format(share);
}
