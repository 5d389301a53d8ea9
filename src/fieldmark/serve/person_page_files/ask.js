// Requests to the server of this page. Where it wants a token, the person is asked for it once.

import { words } from "./words.js";

const TOKEN = "fieldmark-token";

async function send(path, options) {
  const token = sessionStorage.getItem(TOKEN);
  const headers = { ...options.headers, ...(token ? { Authorization: `Bearer ${token}` } : {}) };
  try {
    return await fetch(path, { ...options, headers });
  } catch {
    throw new Error(words("unreachable"));
  }
}

async function answered(path, options = {}) {
  let response = await send(path, options);
  while (response.status === 401) {
    const token = window.prompt(words("tokenAsked"));
    if (!token) break;
    sessionStorage.setItem(TOKEN, token);
    response = await send(path, options);
  }
  if (response.ok) return response;
  const body = await response.json().catch(() => ({}));
  throw new Error(body.error ?? `${response.status} ${response.statusText}`);
}

export const get = async (path) => (await answered(path)).json();

export const post = async (path, body) =>
  (await answered(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body ?? {}) })).json();

// An <img> cannot send a token, so that its bytes are fetched where one is needed.
export async function show(image, path) {
  if (!sessionStorage.getItem(TOKEN)) {
    image.src = path;
    return;
  }
  const url = URL.createObjectURL(await (await answered(path)).blob());
  image.addEventListener("load", () => URL.revokeObjectURL(url), { once: true });
  image.src = url;
}
