// What went wrong, in the page's language. The server says it in one English sentence, for scripts and logs.

import { text } from "./text.js";

const BY_STATUS = {
  401: "errorToken",
  403: "errorOff",
  408: "errorTime",
  413: "errorLarge",
  421: "errorHost",
  500: "errorServer",
  502: "unreachable",
  503: "errorBusy",
  504: "errorTime",
};

// Sentences of the server about a photo or a name; tests/serve/test_serve_page_errors.py holds them together.
const BY_SENTENCE = [
  [/million pixels|too many pixels/, "errorPixels"],
  [/ is empty \(0 bytes\)/, "errorEmpty"],
  [/`heic` extra/, "errorHeic"],
  [/a video or camera raw file/, "errorVideo"],
  [/ is damaged|incomplete|has no content/, "errorDamaged"],
  [/is not an image|is no image|colours of an unknown kind/, "errorNoImage"],
  [/already has a class/, "errorTaken"],
  [/^the feedback list of .* is full/, "errorFull"],
  [/^no correction has the id|^no enrolled class is named/, "errorGone"],
  [/^evidence needs the package|holds no layers to look into/, "errorExplain"],
];

export class ServerError extends Error {
  constructor(status, sentence, wait = 0) {
    super(sentence);
    this.status = status; // 0: no answer came
    this.wait = wait; // seconds that the server asks to wait
  }

  get busy() {
    return this.status === 503;
  }
}

// A sentence for people. `name` is the photo's.
export function inWords(error, name = "") {
  const sentence = typeof error === "string" ? error : error.message;
  const known = BY_SENTENCE.find(([pattern]) => pattern.test(sentence))?.[1];
  if (known) return text(known, { name });
  if (error.status === 0) return text("unreachable");
  const key = BY_STATUS[error.status];
  return key ? text(key) : text("errorOther", { sentence });
}
