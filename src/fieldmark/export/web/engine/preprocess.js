// A photo as the square that the graph reads. The rules are those of `fieldmark.data.photos.preprocess`.

import { resize } from "./resample.js";

const GREY = 128;

export function square(image, { image_size: side, resize: mode, interpolation }) {
  if (mode === "pad") return pad(image, side, interpolation);
  const box = mode === "crop" ? centre(image.width, image.height) : undefined;
  return resize(image, side, side, interpolation, box);
}

// The xyxy region of a photo of that size that fills the square; with `pad` it may exceed the photo.
export function boxOnPhoto({ image_size: side, resize: mode }, width, height) {
  if (mode === "crop") return centre(width, height);
  if (mode === "squash") return [0, 0, width, height];
  const { inner, left, top } = layout(width, height, side);
  const [x, y] = [width / inner[0], height / inner[1]];
  return [-left * x, -top * y, (side - left) * x, (side - top) * y];
}

function centre(width, height) {
  const side = Math.min(width, height);
  const [left, top] = [(width - side) / 2, (height - side) / 2];
  return [left, top, left + side, top + side];
}

function layout(width, height, side) {
  const scale = side / Math.max(width, height);
  const inner = [width, height].map((length) => Math.max(1, halfToEven(length * scale)));
  return { inner, left: Math.floor((side - inner[0]) / 2), top: Math.floor((side - inner[1]) / 2) };
}

function halfToEven(value) {
  const down = Math.floor(value);
  if (value - down !== 0.5) return Math.round(value);
  return down % 2 === 0 ? down : down + 1;
}

function pad(image, side, interpolation) {
  const { inner, left, top } = layout(image.width, image.height, side);
  const small = resize(image, inner[0], inner[1], interpolation);
  const { channels } = image;
  const data = new Uint8ClampedArray(side * side * channels).fill(GREY);
  for (let row = 0; row < inner[1]; row++) {
    const line = small.data.subarray(row * inner[0] * channels, (row + 1) * inner[0] * channels);
    data.set(line, ((top + row) * side + left) * channels);
  }
  return { data, width: side, height: side, channels };
}
