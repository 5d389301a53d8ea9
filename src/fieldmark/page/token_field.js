// The access token, asked for once and kept until the tab closes.

import { element } from "./dom.js";
import { text } from "./text.js";

const TOKEN = "fieldmark-token";

export const knownToken = () => sessionStorage.getItem(TOKEN) ?? "";

export const rememberToken = (token) => sessionStorage.setItem(TOKEN, token);

export const forgetToken = () => sessionStorage.removeItem(TOKEN);

export function field(key, input) {
  return element("label", {}, element("span", { class: "small" }, text(key)), input);
}

export function tokenInput() {
  const input = element("input", { type: "password", required: true, autocomplete: "off" });
  input.value = knownToken();
  return input;
}
