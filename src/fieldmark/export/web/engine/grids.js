// Grids of contributions on a photo, see `fieldmark.explain.geometry`. A grid is { data, width, height }.

import { resample } from "./resample.js";

const FINE = 56; // places along each side where grids that do not coincide are laid over each other
const SMOOTH = 224; // samples along each side, at least, in which the peak is looked for
const STRONG = 0.5; // share of the peak's height that still belongs to the strongest evidence

export function smooth(grid, width, height) {
  const image = { ...grid, data: Float32Array.from(grid.data), channels: 1 };
  return resample(image, width, height, "bicubic");
}

export function commonFrame(patches) {
  const edge = (index, choose) => choose(...patches.map(({ box }) => box[index]));
  return [edge(0, Math.min), edge(1, Math.min), edge(2, Math.max), edge(3, Math.max)];
}

// All patches { grid, box } on one grid over the frame; the sum over places stays the same.
export function lay(patches, frame) {
  const [{ grid: first }] = patches;
  const fits = ({ grid, box }) =>
    grid.width === first.width &&
    grid.height === first.height &&
    box.every((edge, index) => Math.abs(edge - frame[index]) < 1e-3);
  if (patches.every(fits)) return sum(patches.map(({ grid }) => grid));
  return sum(patches.map((patch) => spread(patch, frame)));
}

function sum(grids) {
  const data = new Float64Array(grids[0].data.length);
  for (const grid of grids) grid.data.forEach((value, index) => { data[index] += value; });
  return { ...grids[0], data };
}

function spread({ grid, box: [x1, y1, x2, y2] }, frame) {
  const rows = shares(grid.height, y1 - frame[1], y2 - frame[1], frame[3] - frame[1]);
  const columns = shares(grid.width, x1 - frame[0], x2 - frame[0], frame[2] - frame[0]);
  const data = new Float64Array(FINE * FINE);
  grid.data.forEach((value, index) => {
    const [row, column] = [rows[Math.floor(index / grid.width)], columns[index % grid.width]];
    for (let y = 0; y < FINE; y++) {
      if (row[y]) for (let x = 0; x < FINE; x++) data[y * FINE + x] += value * row[y] * column[x];
    }
  });
  return { data, width: FINE, height: FINE };
}

// For each of `count` equal cells of a span, which fraction of it lies in each fine cell.
function shares(count, start, end, length) {
  const step = (end - start) / count;
  const scale = FINE / length;
  return Array.from({ length: count }, (_, cell) => {
    const [low, high] = [(start + cell * step) * scale, (start + (cell + 1) * step) * scale];
    const overlap = (fine) => Math.max(0, Math.min(high, fine + 1) - Math.max(low, fine));
    return Float64Array.from({ length: FINE }, (__, fine) => overlap(fine) / (high - low));
  });
}

// The xyxy box around the connected places at least half as strong as the peak, inside the photo.
export function strongestBox(grid, frame, size) {
  const [width, height] = [grid.width, grid.height].map((count) => count * Math.ceil(SMOOTH / count));
  const fine = smooth(grid, width, height);
  const [dx, dy] = [(frame[2] - frame[0]) / width, (frame[3] - frame[1]) / height];
  const inside = (edge, step, index, end) => edge + (index + 0.5) * step > 0 && edge + (index + 0.5) * step < end;
  const values = fine.data.map((value, index) => {
    const [column, row] = [index % width, Math.floor(index / width)];
    return inside(frame[0], dx, column, size[0]) && inside(frame[1], dy, row, size[1]) ? value : -Infinity;
  });
  const peak = values.reduce((best, value, index) => (value > values[best] ? index : best), 0);
  const limit = values[peak] > 0 ? values[peak] * STRONG : values[peak];
  const piece = connected(values, width, peak, limit);
  return [
    Math.max(0, frame[0] + piece[0] * dx),
    Math.max(0, frame[1] + piece[1] * dy),
    Math.min(size[0], frame[0] + (piece[2] + 1) * dx),
    Math.min(size[1], frame[1] + (piece[3] + 1) * dy),
  ];
}

// First and last column and row of the places around `start` that reach the limit: [x1, y1, x2, y2].
function connected(values, width, start, limit) {
  const seen = new Uint8Array(values.length);
  const waiting = [start];
  const box = [Infinity, Infinity, -Infinity, -Infinity];
  seen[start] = 1;
  while (waiting.length) {
    const place = waiting.pop();
    const [x, y] = [place % width, Math.floor(place / width)];
    box[0] = Math.min(box[0], x);
    box[1] = Math.min(box[1], y);
    box[2] = Math.max(box[2], x);
    box[3] = Math.max(box[3], y);
    const near = [x > 0 && place - 1, x < width - 1 && place + 1, place - width, place + width];
    for (const other of near) {
      if (other === false || other < 0 || other >= values.length || seen[other] || values[other] < limit) continue;
      seen[other] = 1;
      waiting.push(other);
    }
  }
  return box;
}
