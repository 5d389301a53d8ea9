// The answer for a photo, with the fields of `fieldmark predict --json`.

import { backOff } from "./back_off.js";
import { predictionSet } from "./conformity.js";
import { ranking } from "./ranking.js";
import { fusePhotos, majority, mostAre } from "./specimen.js";

const TOP_K = 5;

export function answerPhoto(path, probabilities, unknown, constants) {
  const set = predictionSet(probabilities, constants.guarantees.score, constants.guarantees.quantile);
  return { path, ...answer(probabilities, set, constants), unknown };
}

// One answer for several photos of one specimen; `readings` hold their probabilities and unknown.
export function answerSpecimen(paths, readings, constants) {
  if (readings.length === 1) {
    const [{ probabilities, unknown }] = readings;
    return { ...answerPhoto(null, probabilities, unknown, constants), photos: paths };
  }
  const { score, quantile_of_each: quantile } = constants.guarantees;
  const fused = fusePhotos(readings.map(({ probabilities }) => probabilities));
  const sets = readings.map(({ probabilities }) => predictionSet(probabilities, score, quantile));
  const set = sets.includes(null) ? null : majority(sets, ranking(fused));
  const unknown = mostAre(readings.map((reading) => reading.unknown));
  return { path: null, ...answer(fused, set, constants), unknown, photos: paths };
}

function answer(probabilities, members, { classes, guarantees, taxonomy }) {
  const order = ranking(probabilities);
  return {
    candidates: order.slice(0, TOP_K).map((index) => ({ label: classes[index], probability: probabilities[index] })),
    set: members && members.map((index) => classes[index]),
    ...(members && { coverage: guarantees.coverage }),
    ...backOff(probabilities, order[0], taxonomy, guarantees.threshold),
  };
}
