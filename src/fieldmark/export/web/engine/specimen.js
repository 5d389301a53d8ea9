// Combine the photos of one specimen, see `fieldmark.recognizer.specimen`.

const INDEPENDENCE = 0.25;

export function fusePhotos(photos) {
  const logs = photos.map((probabilities) => probabilities.map((p) => Math.log(Math.max(p, 1e-12))));
  const mean = logs[0].map((_, index) => logs.reduce((sum, each) => sum + each[index], 0) / photos.length);
  const sharpened = mean.map((value) => value * photos.length ** INDEPENDENCE);
  const most = sharpened.reduce((largest, value) => Math.max(largest, value), -Infinity);
  const raised = sharpened.map((value) => Math.exp(value - most));
  const total = raised.reduce((sum, value) => sum + value, 0);
  return raised.map((value) => value / total);
}

// The classes in more than half of the sets, and the most probable one; in the given order.
export function majority(sets, order) {
  const votes = (index) => sets.filter((set) => set.includes(index)).length;
  return order.filter((index, rank) => rank === 0 || 2 * votes(index) > sets.length);
}

export function mostAre(unknown) {
  const votes = unknown.filter((vote) => vote !== null);
  return votes.length ? 2 * votes.filter(Boolean).length > votes.length : null;
}
