// Keeps the whole folder in the browser, so that the page also works without a network, and says how far that is.

import { text } from "./text.js";

const note = document.getElementById("offline");

function say(key, values) {
  if (note) note.textContent = text(key, values);
}

const megabytes = (bytes) => Math.max(1, Math.round(bytes / 1e6));

async function download() {
  if (!("serviceWorker" in navigator)) return say("notKept");
  const progress = ({ data }) => say("downloading", { done: megabytes(data.done), total: megabytes(data.total) });
  navigator.serviceWorker.addEventListener("message", progress);
  try {
    const found = await navigator.serviceWorker.register("service-worker.js");
    const failed = new Promise((_, reject) => {
      found.installing?.addEventListener("statechange", ({ target }) => {
        if (target.state === "redundant") reject(new Error("the download was interrupted"));
      });
    });
    await Promise.race([navigator.serviceWorker.ready, failed]);
    navigator.serviceWorker.removeEventListener("message", progress); // the last one may still be on its way
    say("kept");
  } catch {
    say("notKept"); // the page works all the same, as long as there is a network
  }
}

// Resolves when everything is there, or when it cannot be kept.
export const downloaded = download();
