// The answers of the model in this folder: the same functions as the served page's api.js, without a server.

import { downloaded } from "./offline.js";

const numbers = new WeakMap(); // photo -> its number in the worker
const pictures = new Map(); // index of a known photo -> URL of its picture
const waiting = new Map();
let worker = null;
let count = 0;

async function ask(task, given = {}) {
  await downloaded;
  if (!worker) {
    worker = new Worker(new URL("./engine/worker.js", import.meta.url), { type: "module" });
    worker.addEventListener("message", ({ data }) => settle(data));
    worker.addEventListener("error", () => {
      for (const id of waiting.keys()) settle({ id, error: "the recognizer cannot start in this browser" });
    });
  }
  return new Promise((resolve, reject) => {
    const id = ++count;
    waiting.set(id, { resolve, reject });
    worker.postMessage({ id, task, ...given });
  });
}

function settle({ id, found, error }) {
  const { resolve, reject } = waiting.get(id);
  waiting.delete(id);
  if (error === undefined) resolve(found);
  else reject(new Error(error));
}

function of(photo) {
  if (!numbers.has(photo)) numbers.set(photo, ++count);
  return { number: numbers.get(photo), file: photo };
}

export const server = { classes: [] }; // what the folder says of its model; empty until it is there

export const learnModel = async () => Object.assign(server, await ask("model"));

// One answer for each photo, or a single one where all show the same specimen.
export async function predict(photos, { together = false } = {}) {
  if (together) return [await ask("predictTogether", { photos: photos.map(of) })];
  return Promise.all(photos.map((photo) => ask("predict", of(photo))));
}

export const explain = (photo, against) => ask("explain", { ...of(photo), against });

export async function search(photo, k, label) {
  const found = await ask("search", { ...of(photo), k, label });
  return found.map(({ index, photo: picture, ...one }) => {
    if (picture && !pictures.has(index)) pictures.set(index, URL.createObjectURL(picture));
    return { ...one, path: one.label, photo: pictures.get(index) ?? "" };
  });
}

// What changes a model needs a server; the page offers none of it where the model says `enrolls: false`.
const refuse = () => Promise.reject(new Error("a page without a server changes no model"));

export const enroll = refuse;
export const unenroll = refuse;
export const correct = refuse;
export const feedback = refuse;
export const undoCorrection = refuse;
export const feedbackPhoto = refuse;
