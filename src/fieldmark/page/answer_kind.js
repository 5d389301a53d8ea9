// What kind of answer a photo has, and the few words that stand for it.

import { percent, text } from "./text.js";

export const KINDS = ["sure", "unsure", "unknown", "unread", "waiting"];

const LEAST = 0.5; // `fieldmark predict --move-into` sorts photos below it into _unsure

export function kindOf(answer) {
  if (!answer) return "waiting";
  if (answer.error) return "unread";
  if (answer.unknown) return "unknown";
  const backsOff = answer.ancestor || !answer.rank;
  const several = (answer.set?.length ?? 1) > 1;
  return backsOff || several || answer.candidates[0].probability < LEAST ? "unsure" : "sure";
}

export const kindWord = (kind) => text(`kind${kind[0].toUpperCase()}${kind.slice(1)}`);

// The name of a photo's answer, as a tile shows it.
export function shortAnswer(answer) {
  const kind = kindOf(answer);
  if (kind === "waiting" || kind === "unread" || kind === "unknown") return { name: kindWord(kind), share: "" };
  const [first] = answer.candidates;
  return { name: answer.ancestor ?? first.label, share: answer.ancestor ? "" : percent(first.probability) };
}
