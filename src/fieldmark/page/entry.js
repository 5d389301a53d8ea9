// What the page knows of one photo, or of several photos of one subject that are answered together.

import { kindOf } from "./answer_kind.js";
import { thumbnail } from "./thumbnail.js";

let entries = 0;

export class Entry {
  // Photos are {file, path}; `members` are the entries that were put together, so that they can come apart again.
  constructor(photos, members = []) {
    this.id = ++entries;
    this.photos = photos;
    this.members = members;
    this.answer = undefined;
    this.details = new Map(); // of each photo: its explanations and known photos
    this.thumb = members[0]?.thumb ?? thumbnail(photos[0].file);
  }

  get path() {
    return this.photos[0].path;
  }

  get files() {
    return this.photos.map((photo) => photo.file);
  }

  get together() {
    return this.photos.length > 1;
  }

  get kind() {
    return kindOf(this.answer);
  }

  // The class that it is filed under; none for a photo of no known class.
  get label() {
    const known = this.kind === "sure" || this.kind === "unsure";
    return known ? this.answer.candidates[0].label : null;
  }

  // A part of the photo takes its place, or the whole photo again.
  useFile(file) {
    const [photo] = this.photos;
    this.photos = [{ path: photo.path, whole: photo.whole ?? photo.file, file }];
    this.forget();
    this.thumb = thumbnail(file);
  }

  useWhole() {
    const [photo] = this.photos;
    this.photos = [{ path: photo.path, file: photo.whole ?? photo.file }];
    this.forget();
    this.thumb = thumbnail(this.photos[0].file);
  }

  // It is taken off the page: its memory is given back.
  close() {
    this.thumb.then((thumb) => thumb && URL.revokeObjectURL(thumb.url));
  }

  // The answer no longer holds.
  forget() {
    this.answer = undefined;
    this.details.clear();
  }
}
