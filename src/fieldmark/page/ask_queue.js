// Asks the server about many photos: several in a request, few requests at a time, and again where it is busy.

import { predict, server } from "./api.js";

const PHOTOS = 8; // in a request, so that the first answers come soon
const REQUESTS = 2; // at a time
const TRIES = 6;

export class AskQueue {
  // `onAnswer(entry, answer)` is called once for each entry.
  constructor(onAnswer) {
    this.onAnswer = onAnswer;
    this.waiting = [];
    this.running = 0;
    this.stop = new AbortController();
  }

  add(entries) {
    this.waiting.push(...entries);
    while (this.running < REQUESTS && this.waiting.length) this.work();
  }

  drop(entry) {
    this.waiting = this.waiting.filter((each) => each !== entry);
  }

  clear() {
    this.waiting = [];
    this.stop.abort();
    this.stop = new AbortController();
  }

  async work() {
    this.running += 1;
    while (this.waiting.length) await this.ask(this.take(), this.stop.signal);
    this.running -= 1;
  }

  // As many waiting photos as the server takes in one request. Photos of one subject have a request of their own.
  take() {
    const part = [this.waiting.shift()];
    if (part[0].together) return part;
    let bytes = part[0].files[0].size;
    while (this.waiting.length && part.length < Math.min(PHOTOS, server.max_photos) && !this.waiting[0].together) {
      bytes += this.waiting[0].files[0].size;
      if (bytes > 0.95 * server.max_bytes) break;
      part.push(this.waiting.shift());
    }
    return part;
  }

  async ask(part, signal) {
    const files = part.flatMap((entry) => entry.files);
    let answers;
    try {
      answers = await patiently(() => predict(files, { together: part[0].together, signal }), signal);
    } catch (error) {
      answers = part.map(() => ({ candidates: [], error }));
    }
    if (signal.aborted) return;
    part.forEach((entry, index) => {
      // Cut or put together meanwhile: the answer is about another photo.
      if (entry.files[0] === files[entry.together ? 0 : index]) this.onAnswer(entry, answers[index]);
    });
  }
}

async function patiently(request, signal) {
  for (let tries = 1; ; tries += 1) {
    try {
      return await request();
    } catch (error) {
      if (!error.busy || tries === TRIES || signal.aborted) throw error;
      await new Promise((resolve) => setTimeout(resolve, 1000 * Math.max(error.wait, tries / 2)));
    }
  }
}
