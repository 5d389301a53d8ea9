// Whether the strongest evidence lies off the object, where the model has found a box around one.

const LEAST = 0.5; // share of the strongest evidence's box that must lie inside the object's

// Boxes are xyxy in pixels of the upright photo.
export function offObject({ box, object_box: object }) {
  if (!object) return false;
  const width = Math.max(0, Math.min(box[2], object[2]) - Math.max(box[0], object[0]));
  const height = Math.max(0, Math.min(box[3], object[3]) - Math.max(box[1], object[1]));
  const area = (box[2] - box[0]) * (box[3] - box[1]);
  return area > 0 && (width * height) / area < LEAST;
}
