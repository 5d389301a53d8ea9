// The server's answers, or a ServerError.

import { ServerError } from "./errors.js";

export const server = { classes: [] }; // what GET /v1/model says; empty until it has answered

async function ask(path, options = {}) {
  let response;
  try {
    response = await fetch(path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ServerError(0, error.message);
  }
  const body = await response.json().catch(() => ({}));
  if (response.ok || body.answers) return body;
  const wait = Number(response.headers.get("Retry-After")) || 0;
  throw new ServerError(response.status, body.error ?? `${response.status} ${response.statusText}`, wait);
}

function form(photos, fields = {}) {
  const body = new FormData();
  for (const photo of photos) body.append("photo", photo, photo.name || "photo");
  for (const [name, value] of Object.entries(fields)) body.append(name, value);
  return body;
}

function query(values) {
  const given = Object.entries(values).filter(([, value]) => value !== undefined && value !== null && value !== false);
  return given.length ? `?${new URLSearchParams(given)}` : "";
}

export const learnModel = async () => Object.assign(server, await ask("/v1/model"));

// One answer for each photo, or a single one where all show the same specimen.
export async function predict(photos, { together = false, signal } = {}) {
  const path = `/v1/predict${query({ same_specimen: together })}`;
  return (await ask(path, { method: "POST", body: form(photos), signal })).answers;
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
    ...authorized(token),
  });

const authorized = (token) => ({ headers: { Authorization: `Bearer ${token}` } });

export const unenroll = (label, token) => ask(`/v1/enroll${query({ label })}`, { method: "DELETE", ...authorized(token) });

export const correct = (photo, label, token) =>
  ask("/v1/feedback", { method: "POST", body: form([photo], { label }), ...authorized(token) });

export const feedback = async (token) => (await ask("/v1/feedback", authorized(token))).feedback;

export const undoCorrection = (id, token) => ask(`/v1/feedback${query({ id })}`, { method: "DELETE", ...authorized(token) });

export async function feedbackPhoto(id, token) {
  const response = await fetch(`/v1/feedback/photo${query({ id })}`, authorized(token));
  if (!response.ok) throw new ServerError(response.status, response.statusText);
  return response.blob();
}
