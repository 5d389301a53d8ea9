// The photos of the page, in their order, and which of them a filter shows. Says "change" when any of it changes.

import { AskQueue } from "./ask_queue.js";
import { Entry } from "./entry.js";

export class Album extends EventTarget {
  constructor() {
    super();
    this.entries = [];
    this.filter = { kind: null, label: null };
    this.queue = new AskQueue((entry, answer) => this.answered(entry, answer));
  }

  // The newest stand first.
  add(photos) {
    const fresh = photos.map((photo) => new Entry([photo]));
    this.entries.unshift(...fresh);
    this.ask(fresh);
    return fresh;
  }

  ask(entries) {
    this.queue.add(entries);
    this.changed();
  }

  answered(entry, answer) {
    if (!this.entries.some((each) => each === entry || each.members.includes(entry))) return; // removed meanwhile
    entry.answer = answer;
    this.dispatchEvent(new CustomEvent("answer", { detail: entry }));
    this.changed(entry);
  }

  remove(entry) {
    this.queue.drop(entry);
    this.entries = this.entries.filter((each) => each !== entry);
    this.gone([entry]);
    this.changed();
  }

  clear() {
    this.queue.clear();
    this.gone(this.entries);
    this.entries = [];
    this.filter = { kind: null, label: null };
    this.changed();
  }

  // Photos of one subject get one answer; it stands where the first of them stood.
  combine(entries) {
    for (const entry of entries) this.queue.drop(entry);
    const members = entries.flatMap((entry) => (entry.together ? entry.members : [entry]));
    const whole = new Entry(members.flatMap((member) => member.photos), members);
    const place = this.entries.indexOf(entries[0]);
    this.entries.splice(place, 0, whole);
    this.entries = this.entries.filter((each) => !entries.includes(each));
    this.ask([whole]);
    return whole;
  }

  separate(whole) {
    this.queue.drop(whole);
    this.entries.splice(this.entries.indexOf(whole), 1, ...whole.members);
    this.ask(whole.members.filter((member) => !member.answer));
  }

  shown() {
    const { kind, label } = this.filter;
    return this.entries.filter((entry) => (!kind || entry.kind === kind) && (!label || entry.label === label));
  }

  // How many photos there are of each kind, and of each class.
  count(property) {
    const counts = new Map();
    for (const entry of this.entries) {
      const value = entry[property];
      if (value !== null) counts.set(value, (counts.get(value) ?? 0) + 1);
    }
    return counts;
  }

  gone(entries) {
    for (const entry of entries.flatMap((each) => [each, ...each.members])) {
      entry.close();
      this.dispatchEvent(new CustomEvent("gone", { detail: entry }));
    }
  }

  changed(entry) {
    this.dispatchEvent(new CustomEvent("change", { detail: entry }));
  }
}
