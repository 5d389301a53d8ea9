// The known photos nearest to a photo, by the cosine of their unit vectors.

import { ranking } from "./ranking.js";
import { products } from "./vectors.js";

// `known` lists { label, split, start, end } for each row of `vectors`; returns the k nearest with their index.
export function nearest(vector, vectors, known, k, label) {
  const similarity = products(vectors, vector);
  const order = ranking(similarity).filter((index) => label === undefined || known[index].label === label);
  return order.slice(0, k).map((index) => ({ index, similarity: similarity[index], ...known[index] }));
}
