// A box on a photo as shares of its width and height, (x, y, w, h), always inside the photo.

const LEAST = 0.05; // smaller boxes hold too few pixels to ask about
const TAPPED = 0.5; // side of the box around a tapped place, of the photo's shorter side

const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

const inside = ([x, y, w, h]) => {
  const [width, height] = [clamp(w, LEAST, 1), clamp(h, LEAST, 1)];
  return [clamp(x, 0, 1 - width), clamp(y, 0, 1 - height), width, height];
};

export const dragged = ([x1, y1], [x2, y2]) => {
  const [left, right] = [clamp(Math.min(x1, x2), 0, 1), clamp(Math.max(x1, x2), 0, 1)];
  const [top, bottom] = [clamp(Math.min(y1, y2), 0, 1), clamp(Math.max(y1, y2), 0, 1)];
  return inside([left, top, right - left, bottom - top]);
};

// A square, in pixels, around a place.
export const tapped = ([x, y], [width, height]) => {
  const side = TAPPED * Math.min(width, height);
  const [w, h] = [side / width, side / height];
  return inside([x - w / 2, y - h / 2, w, h]);
};

export const moved = ([x, y, w, h], dx, dy) => inside([x + dx, y + dy, w, h]);

// About its centre, until its longer share is `size`.
export const resized = ([x, y, w, h], size) => {
  const scale = size / Math.max(w, h);
  const [width, height] = [w * scale, h * scale];
  return inside([x + (w - width) / 2, y + (h - height) / 2, width, height]);
};

export const holds = ([x, y, w, h], [px, py]) => px >= x && px <= x + w && py >= y && py <= y + h;

export const sizeOf = ([, , w, h]) => Math.max(w, h);
