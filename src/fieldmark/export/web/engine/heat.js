// A grid of contributions as a picture of the photo, made to be looked at: see `fieldmark.explain.overlay.heat_on`.

import { smooth } from "./grids.js";

const FADE = 1 / 14; // share of the frame's side over which evidence fades out where the frame ends inside the photo
const STEPS = 1 / 80; // standard deviation of the blur that hides the edges of views, as a share of the frame's side
const REACH = 4; // of the blur, in standard deviations

// A grid over a frame of a photo of some size, as width x height; 0 outside the frame.
export function heatOn(grid, frame, size, width, height) {
  const scales = [width / size[0], height / size[1]];
  const [left, top, right, bottom] = frame.map((edge, index) => Math.round(edge * scales[index % 2]));
  const [across, down] = [Math.max(1, right - left), Math.max(1, bottom - top)];
  const heat = blurred(smooth(grid, across, down));
  const columns = fade(across, left > 0, right < width);
  const rows = fade(down, top > 0, bottom < height);
  const data = new Float64Array(width * height);
  for (let y = Math.max(0, top); y < Math.min(height, bottom); y++) {
    for (let x = Math.max(0, left); x < Math.min(width, right); x++) {
      const [row, column] = [y - top, x - left];
      data[y * width + x] = heat[row * across + column] * rows[row] * columns[column];
    }
  }
  return { data, width, height };
}

// Factors that rise from 0 at the edges that lie inside the photo.
function fade(count, atStart, atEnd) {
  const step = (index) => Math.min(1, (index + 0.5) / Math.max(1, FADE * count));
  const start = (index) => (atStart ? step(index) : 1);
  const end = (index) => (atEnd ? step(count - 1 - index) : 1);
  return Float64Array.from({ length: count }, (_, index) => start(index) * end(index));
}

// A Gaussian blur in both directions; beyond an edge, its values repeat.
function blurred({ data, width, height }) {
  const down = lines(data, height, width, STEPS * height, width, 1);
  return lines(down, width, height, STEPS * width, 1, width);
}

// Blur `count` lines of `length` values that lie `step` apart; lines begin `between` apart.
function lines(data, length, count, deviation, step, between) {
  const radius = Math.trunc(REACH * deviation + 0.5);
  const bell = (away) => Math.exp((-0.5 * away ** 2) / deviation ** 2);
  const raw = Float64Array.from({ length: 2 * radius + 1 }, (_, index) => bell(index - radius));
  const total = raw.reduce((sum, weight) => sum + weight, 0);
  const weights = raw.map((weight) => weight / total);
  const out = new Float64Array(data.length);
  for (let line = 0; line < count; line++) {
    for (let index = 0; index < length; index++) {
      let sum = 0;
      for (let offset = -radius; offset <= radius; offset++) {
        const place = Math.min(length - 1, Math.max(0, index + offset));
        sum += weights[offset + radius] * data[line * between + place * step];
      }
      out[line * between + index * step] = sum;
    }
  }
  return out;
}
