// Unknown photos and enrolled classes, see `fieldmark.openset`.
// Of the tensors, `within` and `total` are symmetric; `turned_means` and `unit_means` are of the trained classes.

import { dot, largest, minus, products, row, unit } from "./vectors.js";

const MIN_PROBABILITY = 0.01;
const MOST = 50; // log-odds

const SCORES = {
  max_softmax: ({ probabilities }) => largest(probabilities),
  entropy: ({ probabilities }) =>
    probabilities.reduce((sum, p) => sum + Math.max(p, 1e-12) * Math.log(Math.max(p, 1e-12)), 0),
  max_logit: ({ logits }) => largest(logits),
  energy: ({ logits }) => {
    const most = largest(logits);
    return most + Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit - most), 0));
  },
  nearest: ({ vector, tensors }) => largest(products(tensors.reference_vectors, vector)),
  mahalanobis: ({ nearestClass }) => -nearestClass,
  relative_mahalanobis: ({ nearestClass, vector, tensors }) => {
    const away = products(tensors.total, minus(vector, tensors.center.data));
    return dot(away, away) - nearestClass;
  },
};

// The unit vector of an embedding, with which known photos are compared.
export function vectorOf(embedding, { mean, components }) {
  return unit(products(components, minus(unit(embedding), mean.data)));
}

// Probabilities of all classes, and whether the photo shows none of them; null without a threshold.
export function openSet(graph, vector, constants, tensors) {
  const { unknown, enrolled } = constants.open_set;
  const probabilities = Array.from(graph.probabilities);
  if (!unknown && !enrolled.length) return { probabilities, unknown: null, knownScore: null };
  const turned = products(tensors.within, vector);
  const distances = distancesTo(turned, tensors.turned_means);
  const nearestClass = distances.reduce((least, value) => Math.min(least, value), Infinity);
  const photo = { probabilities, logits: Array.from(graph.logits), vector, nearestClass, tensors };
  const knownScore = unknown ? scoreOf(photo, unknown.parts) : null;
  const isUnknown = unknown ? knownScore < unknown.threshold : null;
  if (!enrolled.length) return { probabilities, unknown: isUnknown, knownScore };
  const joined = withEnrolled(probabilities, enrolledOdds(vector, turned, nearestClass, enrolled, tensors));
  const best = joined.indexOf(largest(joined));
  return { probabilities: joined, unknown: isUnknown && best < probabilities.length, knownScore };
}

function scoreOf(photo, parts) {
  const total = (sum, { name, weight, center, scale }) => sum + (weight * (SCORES[name](photo) - center)) / scale;
  return parts.reduce(total, 0);
}

// Squared distances; a class without photos has a mean of NaN, and lies infinitely far away.
function distancesTo(turned, means) {
  return Float64Array.from({ length: means.shape[0] }, (_, index) => {
    const away = minus(turned, row(means, index));
    const square = dot(away, away);
    return Number.isNaN(square) ? Infinity : square;
  });
}

function enrolledOdds(vector, turned, nearestClass, enrolled, tensors) {
  const likeness = (means) => products(means, vector).map((value) => (Number.isNaN(value) ? -1 : value));
  const near = largest(likeness(tensors.unit_means));
  const distances = distancesTo(turned, tensors.enrolled_turned_means);
  const similar = likeness(tensors.enrolled_unit_means);
  return enrolled.map((gate, index) => {
    const discriminant = (nearestClass - distances[index]) / 2;
    const odds = discriminant * gate.discriminant + (similar[index] - near) * gate.similarity + gate.bias;
    return Math.exp(Math.min(MOST, Math.max(-MOST, odds)));
  });
}

function withEnrolled(probabilities, odds) {
  const near = odds.map((each) => (each >= MIN_PROBABILITY / (1 - MIN_PROBABILITY) ? each : 0));
  const total = 1 + near.reduce((sum, each) => sum + each, 0);
  return [...probabilities, ...near].map((each) => each / total);
}
