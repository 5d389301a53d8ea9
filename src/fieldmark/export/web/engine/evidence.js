// Where the evidence for a class lies, by itself and against another class. The graph computes the contributions.

import { commonFrame, lay, strongestBox } from "./grids.js";
import { heatOn } from "./heat.js";
import { boxOnPhoto } from "./preprocess.js";

const MAX_SIDE = 480;
const FAINT = 0.1; // weaker evidence is not drawn
const WARM = [213, 94, 0];
const COLD = [0, 114, 178];

// `maps` holds for each member { preprocess, values, shape: [1, classes, height, width] }; `explained` are the classes.
export function evidence({ maps, explained, width, height }, label, against) {
  const patch = (member, index) => ({ grid: gridOf(member, index), box: boxOnPhoto(member.preprocess, width, height) });
  const patches = (index) => maps.map((member) => patch(member, index));
  const [winner, rival] = [label, against].map((index) => explained.indexOf(index));
  const frame = commonFrame(patches(winner));
  const map = lay(patches(winner), frame); // a Float64Array, whatever the graph's type
  const other = lay(patches(rival), frame);
  const contrast = { ...map, data: map.data.map((value, index) => value - other.data[index]) };
  return { map, contrast, frame, width, height, box: strongestBox(contrast, frame, [width, height]) };
}

function gridOf({ values, shape }, index) {
  const [, , height, width] = shape;
  return { data: values.subarray(index * height * width, (index + 1) * height * width), width, height };
}

// A transparent picture that lies over the photo: orange above 0, blue below.
export function overlayPixels(grid, { frame, width, height }) {
  const scale = Math.min(1, MAX_SIDE / Math.max(width, height));
  const [across, down] = [width, height].map((side) => Math.max(1, Math.round(side * scale)));
  const heat = heatOn(grid, frame, [width, height], across, down);
  const most = heat.data.reduce((so, value) => Math.max(so, Math.abs(value)), 1e-12);
  const picture = new ImageData(across, down);
  heat.data.forEach((value, index) => {
    const opacity = Math.min(1, Math.max(0, (Math.abs(value) / most - FAINT) / (1 - FAINT)));
    picture.data.set([...(value > 0 ? WARM : COLD), 255 * opacity], 4 * index);
  });
  return picture;
}

export async function overlay(grid, frame) {
  const pixels = overlayPixels(grid, frame);
  const canvas = new OffscreenCanvas(pixels.width, pixels.height);
  canvas.getContext("2d").putImageData(pixels, 0, 0);
  const blob = await canvas.convertToBlob({ type: "image/png" });
  return new FileReaderSync().readAsDataURL(blob);
}
