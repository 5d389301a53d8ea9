// A file as an image: decoded by the browser, upright, in sRGB, opaque on white.

import { reduce } from "./resample.js";

const PIXELS_AT_ONCE = 2_000_000; // phones refuse canvases of more than 16 million pixels
const BLOCK = 8; // the largest factor of SHRINKS
const SHRINKS = [8, 4, 2, 1];

// `side` is the largest square that is cut from the image. A JPEG of at least twice that size is averaged in blocks, as
// the decoder of Python does while decoding (libjpeg-turbo, jidctred.c).
export async function readPhoto(file, side) {
  const head = new Uint8Array(await file.slice(0, 3).arrayBuffer());
  const isJpeg = head[0] === 0xff && head[1] === 0xd8 && head[2] === 0xff;
  const bitmap = await createImageBitmap(file, { imageOrientation: "from-image", colorSpaceConversion: "default" });
  try {
    const { width, height } = bitmap;
    const shrink = isJpeg ? shrinkFor(width, height, side) : 1;
    return { image: pixels(bitmap, shrink), width, height };
  } finally {
    bitmap.close();
  }
}

export function shrinkFor(width, height, side) {
  const room = Math.min(Math.floor(width / side), Math.floor(height / side));
  return SHRINKS.find((shrink) => room >= shrink) ?? 1;
}

function pixels(bitmap, shrink) {
  const { width, height } = bitmap;
  const rows = Math.max(1, Math.floor(PIXELS_AT_ONCE / width / BLOCK)) * BLOCK;
  const canvas = new OffscreenCanvas(width, Math.min(rows, height));
  const context = canvas.getContext("2d", { alpha: false, willReadFrequently: true });
  context.imageSmoothingEnabled = false;
  const out = { width: Math.ceil(width / shrink), height: Math.ceil(height / shrink), channels: 3 };
  out.data = new Uint8ClampedArray(out.width * out.height * 3);
  for (let top = 0; top < height; top += rows) {
    const count = Math.min(rows, height - top);
    context.fillStyle = "white";
    context.fillRect(0, 0, width, count);
    context.drawImage(bitmap, 0, top, width, count, 0, 0, width, count);
    const strip = opaque(context.getImageData(0, 0, width, count));
    const small = shrink === 1 ? strip : reduce(strip, shrink, shrink);
    out.data.set(small.data, (top / shrink) * out.width * 3);
  }
  return out;
}

function opaque({ data, width, height }) {
  const rgb = new Uint8ClampedArray(width * height * 3);
  for (let from = 0, to = 0; to < rgb.length; from += 4, to += 3) {
    rgb[to] = data[from];
    rgb[to + 1] = data[from + 1];
    rgb[to + 2] = data[from + 2];
  }
  return { data: rgb, width, height, channels: 3 };
}
