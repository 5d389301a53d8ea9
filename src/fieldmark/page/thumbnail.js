// Small pictures of photos, so that a grid of hundreds stays light. A few are made at a time.

const SIDE = 320;
const AT_ONCE = 2;

let running = 0;
const waiting = [];

// A small JPEG as {blob, url}; null where the browser cannot show the file.
export function thumbnail(file) {
  return new Promise((resolve) => {
    waiting.push(async () => resolve(await make(file).catch(() => null)));
    next();
  });
}

async function next() {
  if (running >= AT_ONCE || !waiting.length) return;
  running += 1;
  await waiting.shift()();
  running -= 1;
  next();
}

async function make(file) {
  const whole = await createImageBitmap(file);
  const scale = Math.min(1, SIDE / Math.min(whole.width, whole.height));
  const picture = drawn(whole, whole.width * scale, whole.height * scale);
  whole.close();
  const blob = await asBlob(picture, 0.82);
  return { blob, url: URL.createObjectURL(blob) };
}

export function drawn(source, width, height, [x, y, w, h] = [0, 0, source.width, source.height]) {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [Math.max(1, Math.round(width)), Math.max(1, Math.round(height))];
  const pen = canvas.getContext("2d");
  pen.fillStyle = "#fff"; // transparent parts, as the server sees them
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.imageSmoothingQuality = "high";
  pen.drawImage(source, x, y, w, h, 0, 0, canvas.width, canvas.height);
  return canvas;
}

export const asBlob = (canvas, quality) => new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", quality));
