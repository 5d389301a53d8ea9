// The server's answers, or an Error whose message is the server's one sentence.

import { text } from "./text.js";

async function ask(path, options = {}) {
  let response;
  try {
    response = await fetch(path, options);
  } catch {
    throw new Error(text("unreachable"));
  }
  const body = await response.json().catch(() => ({}));
  if (!response.ok && !body.answers) throw new Error(body.error ?? `${response.status} ${response.statusText}`);
  return body;
}

function form(photos, fields = {}) {
  const body = new FormData();
  for (const photo of photos) body.append("photo", photo, photo.name || "photo");
  for (const [name, value] of Object.entries(fields)) body.append(name, value);
  return body;
}

function query(values) {
  const given = Object.entries(values).filter(([, value]) => value !== undefined && value !== null);
  return given.length ? `?${new URLSearchParams(given)}` : "";
}

export const model = () => ask("/v1/model");

export async function predict(photos) {
  return (await ask("/v1/predict", { method: "POST", body: form(photos) })).answers;
}

export const explain = (photo, against) =>
  ask(`/v1/explain${query({ against })}`, { method: "POST", body: form([photo]) });

export async function search(photo, k, label) {
  return (await ask(`/v1/search${query({ k, label })}`, { method: "POST", body: form([photo]) })).neighbours;
}

export const enroll = (photos, label, token) =>
  ask("/v1/enroll", {
    method: "POST",
    body: form(photos, { label }),
    headers: { Authorization: `Bearer ${token}` },
  });
