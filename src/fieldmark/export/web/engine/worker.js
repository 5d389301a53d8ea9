// Computes beside the page, so that it stays responsive. A message { id, task, ... } is answered by { id, found }.

import { FILES } from "./files.js";
import { Recognizer } from "./recognizer.js";
import { readTensors } from "./safetensors.js";

const READINGS_KEPT = 200;

const readings = new Map(); // number of a photo -> what is known of it
let ready = null;

const place = (name) => new URL(name, import.meta.url).href;

async function bytes(name) {
  const response = await fetch(place(name));
  if (!response.ok) throw new Error(`${response.status} ${response.statusText}`);
  return response.arrayBuffer();
}

async function open() {
  const text = new TextDecoder();
  const [runtime, graph, constants, tensors, photos] = await Promise.all([
    import(place(FILES.runtime)),
    bytes(FILES.graph),
    bytes(FILES.constants).then((found) => JSON.parse(text.decode(found))),
    bytes(FILES.tensors).then(readTensors),
    FILES.photos ? bytes(FILES.photos) : null,
  ]);
  runtime.env.wasm.numThreads = 1; // more need headers that many hosts of static files do not send
  runtime.env.wasm.wasmPaths = { wasm: place(FILES.wasm), mjs: place(FILES.loader) };
  const session = await runtime.InferenceSession.create(new Uint8Array(graph), { executionProviders: ["wasm"] });
  const run = (squares) => {
    const feeds = Object.entries(squares).map(([name, { data, width }]) => [
      name,
      new runtime.Tensor("uint8", new Uint8Array(data.buffer), [1, width, width, 3]),
    ]);
    return session.run(Object.fromEntries(feeds));
  };
  return { recognizer: new Recognizer(constants, tensors, run), photos };
}

let last = Promise.resolve();

// One photo after the other: a session runs one input at a time.
function read(recognizer, number, file) {
  if (!readings.has(number)) {
    readings.set(number, (last = last.catch(() => {}).then(() => recognizer.read(file))));
    if (readings.size > READINGS_KEPT) readings.delete(readings.keys().next().value);
  }
  return readings.get(number);
}

const failed = (error) => ({ path: null, candidates: [], set: null, rank: null, ancestor: null, unknown: null, error });

const TASKS = {
  model: ({ recognizer }) => recognizer.constants.page,
  predict: async ({ recognizer }, { number, file }) => {
    try {
      return recognizer.answer(await read(recognizer, number, file), file.name || null);
    } catch (error) {
      return { ...failed(sentence(error, file)), path: file.name || null };
    }
  },
  predictTogether: async ({ recognizer }, { photos }) => {
    const found = await Promise.allSettled(photos.map(({ number, file }) => read(recognizer, number, file)));
    const all = photos.map(({ file }, index) => ({ file, ...found[index] }));
    const good = all.filter(({ status }) => status === "fulfilled");
    if (!good.length) return failed(sentence(found[0].reason, photos[0].file));
    return recognizer.answerTogether(good.map(({ value }) => value), good.map(({ file }) => file.name));
  },
  explain: async ({ recognizer }, { number, file, against }) => {
    return recognizer.explain(await read(recognizer, number, file), against);
  },
  search: async ({ recognizer, photos }, { number, file, k, label }) => {
    const found = recognizer.nearest(await read(recognizer, number, file), k, label);
    return found.map(({ start, end, ...one }) => ({
      ...one,
      photo: end > start ? new Blob([photos.slice(start, end)], { type: "image/jpeg" }) : null,
    }));
  },
};

// The page knows these sentences, and says them in its language.
function sentence(error, file) {
  if (error.name === "InvalidStateError") return `${file.name} is not an image that this browser can decode`;
  return String(error.message ?? error);
}

self.addEventListener("message", async ({ data: { id, task, ...given } }) => {
  try {
    ready ??= open();
    self.postMessage({ id, found: await TASKS[task](await ready, given) });
  } catch (error) {
    self.postMessage({ id, error: String(error.message ?? error) });
  }
});
