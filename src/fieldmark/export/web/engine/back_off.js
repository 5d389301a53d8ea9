// Back off to the most specific rank that meets the target accuracy, see `fieldmark.uncertainty.backoff`.

// `levels` are names of ranks, `class` first; `nodes[level][class]` is an ancestor, `names[level][node]` its name.
// Returns { rank, ancestor }; both are null if no rank is certain enough.
export function backOff(probabilities, best, { levels, nodes, names }, threshold) {
  if (threshold === null) return { rank: "class", ancestor: null };
  const level = levels.findIndex((_, height) => atLevel(probabilities, nodes[height], best) >= threshold);
  if (level < 0) return { rank: null, ancestor: null };
  return { rank: levels[level], ancestor: level === 0 ? null : names[level][nodes[level][best]] };
}

function atLevel(probabilities, nodes, best) {
  return probabilities.reduce((sum, p, index) => (nodes[index] === nodes[best] ? sum + p : sum), 0);
}
