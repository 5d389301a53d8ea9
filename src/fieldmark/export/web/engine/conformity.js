// Conformal prediction sets. The scores are those of `fieldmark.uncertainty.conformity_scores`.

import { ranking } from "./ranking.js";

const EPSILON = 2 ** -52; // tolerance for the rounding of 1 - p

const SCORES = {
  lac: (probabilities) => probabilities.map((p) => 1 - p),
  aps: (probabilities) => cumulative(probabilities, 0, 0),
  raps: (probabilities, { k_reg, penalty }) => cumulative(probabilities, k_reg, penalty),
  pas: (probabilities, { prevalence }) => probabilities.map((p, index) => -p / prevalence[index]),
};

function cumulative(probabilities, kReg, penalty) {
  const scores = new Array(probabilities.length);
  let above = 0;
  ranking(probabilities).forEach((index, rank) => {
    scores[index] = above + penalty * Math.max(0, rank + 1 - kReg);
    above += probabilities[index];
  });
  return scores;
}

// Indices of the classes in the set, the most probable first; null if the calibration set is too small.
export function predictionSet(probabilities, score, quantile) {
  if (quantile === null) return null;
  const scores = SCORES[score.name](probabilities, score);
  const limit = (index) => (Array.isArray(quantile) ? quantile[index] : quantile);
  const order = ranking(probabilities);
  return order.filter((index) => index === order[0] || scores[index] - limit(index) <= EPSILON);
}
