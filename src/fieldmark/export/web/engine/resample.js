// Resize images as Pillow does: separable, antialiased, with 22-bit weights and 8-bit sums.
// An image is { data, width, height, channels }, its rows one after the other.
// Source: Pillow, src/libImaging/Resample.c and Reduce.c, and Image.resize with reducing_gap.

const BITS = 22;

export const FILTERS = {
  bilinear: { support: 1, weight: (x) => Math.max(0, 1 - Math.abs(x)) },
  bicubic: { support: 2, weight: cubic },
};

function cubic(signed) {
  const x = Math.abs(signed);
  const a = -0.5;
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
}

// For each of `size` outputs: the first input that counts, and the weights from there on, which sum to 1.
export function coefficients(inputs, start, end, size, filter) {
  const from = Math.fround(start); // Pillow keeps boxes in single precision
  const scale = Math.fround(Math.fround(end) - from) / size;
  const stretch = Math.max(scale, 1);
  const support = filter.support * stretch;
  return Array.from({ length: size }, (_, index) => {
    const centre = from + (index + 0.5) * scale;
    const first = Math.max(0, Math.trunc(centre - support + 0.5));
    const last = Math.min(inputs, Math.trunc(centre + support + 0.5));
    const weights = new Float64Array(Math.max(0, last - first));
    let total = 0;
    for (let x = 0; x < weights.length; x++) {
      weights[x] = filter.weight((x + first - centre + 0.5) / stretch);
      total += weights[x];
    }
    if (total !== 0) for (let x = 0; x < weights.length; x++) weights[x] /= total;
    return { first, weights };
  });
}

function fixed({ first, weights }) {
  const scaled = Int32Array.from(weights, (weight) => Math.trunc(weight * (1 << BITS) + (weight < 0 ? -0.5 : 0.5)));
  return { first, weights: scaled };
}

// `lines` tells where each line starts, `steps` how far neighbours of a line lie apart: in the source, in the target.
function pass(source, target, places, lines, [step, targetStep]) {
  const isFixed = target instanceof Uint8ClampedArray;
  for (let line = 0; line < lines.from.length; line++) {
    for (let index = 0; index < places.length; index++) {
      const { first, weights } = places[index];
      let at = lines.from[line] + first * step;
      let sum = isFixed ? 1 << (BITS - 1) : 0;
      for (let x = 0; x < weights.length; x++, at += step) sum += source[at] * weights[x];
      target[lines.to[line] + index * targetStep] = isFixed ? sum >> BITS : sum;
    }
  }
}

// One pass over an image: `places` lists { first, weights } for each output along rows or columns.
function along(image, places, horizontal) {
  const { width, height, channels } = image;
  const out = horizontal ? { width: places.length, height, channels } : { width, height: places.length, channels };
  const size = out.width * out.height * channels;
  const eight = image.data instanceof Uint8ClampedArray;
  out.data = eight ? new Uint8ClampedArray(size) : new Float32Array(size);
  const lines = { from: [], to: [] };
  const count = horizontal ? height : width;
  for (let line = 0; line < count; line++) {
    for (let channel = 0; channel < channels; channel++) {
      lines.from.push(horizontal ? line * width * channels + channel : line * channels + channel);
      lines.to.push(horizontal ? line * out.width * channels + channel : line * channels + channel);
    }
  }
  const weights = eight ? places.map(fixed) : places;
  const steps = horizontal ? [channels, channels] : [width * channels, out.width * channels];
  pass(image.data, out.data, weights, lines, steps);
  return out;
}

// A box [x1, y1, x2, y2] of an image as width x height. Bytes stay bytes; other numbers are kept in single precision.
export function resample(image, width, height, name, box = [0, 0, image.width, image.height]) {
  const filter = FILTERS[name];
  const [x1, y1, x2, y2] = box;
  let out = image;
  if (width !== image.width || x1 !== 0 || x2 !== width) {
    out = along(out, coefficients(image.width, x1, x2, width, filter), true);
  }
  if (height !== image.height || y1 !== 0 || y2 !== height) {
    out = along(out, coefficients(image.height, y1, y2, height, filter), false);
  }
  return out;
}

// Means of blocks of fx x fy pixels, rounded; blocks at the right and lower edge may be smaller.
export function reduce(image, fx, fy, box = [0, 0, image.width, image.height]) {
  const [left, top, right, bottom] = box;
  const { data, width, channels } = image;
  const out = { width: Math.ceil((right - left) / fx), height: Math.ceil((bottom - top) / fy), channels };
  out.data = new Uint8ClampedArray(out.width * out.height * channels);
  for (let y = 0, at = 0; y < out.height; y++) {
    const y1 = top + y * fy;
    const y2 = Math.min(bottom, y1 + fy);
    for (let x = 0; x < out.width; x++) {
      const x1 = left + x * fx;
      const x2 = Math.min(right, x1 + fx);
      const area = (y2 - y1) * (x2 - x1);
      const factor = Math.floor(2 ** 24 / area);
      for (let channel = 0; channel < channels; channel++, at++) {
        let sum = Math.floor(area / 2);
        for (let row = y1; row < y2; row++) {
          const start = row * width * channels + channel;
          for (let column = x1; column < x2; column++) sum += data[start + column * channels];
        }
        out.data[at] = Math.floor((sum * factor) / 2 ** 24);
      }
    }
  }
  return out;
}

// Pillow's `resize(..., reducing_gap=2.0)`: blocks are averaged first as long as twice the wanted size remains.
export function resize(image, width, height, name, box = [0, 0, image.width, image.height]) {
  const [x1, y1, x2, y2] = box;
  const fx = Math.trunc((x2 - x1) / width / 2) || 1;
  const fy = Math.trunc((y2 - y1) / height / 2) || 1;
  if (fx === 1 && fy === 1) return resample(image, width, height, name, box);
  const reach = FILTERS[name].support - 0.5;
  const [rx, ry] = [(reach * (x2 - x1)) / width, (reach * (y2 - y1)) / height];
  const safe = [
    Math.max(0, Math.trunc(x1 - rx)),
    Math.max(0, Math.trunc(y1 - ry)),
    Math.min(image.width, Math.ceil(x2 + rx)),
    Math.min(image.height, Math.ceil(y2 + ry)),
  ];
  const inner = [(x1 - safe[0]) / fx, (y1 - safe[1]) / fy, (x2 - safe[0]) / fx, (y2 - safe[1]) / fy];
  return resample(reduce(image, fx, fy, safe), width, height, name, inner);
}
