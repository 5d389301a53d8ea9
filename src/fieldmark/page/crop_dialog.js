// Choose the subject of a photo: drag a box, or tap it. The part becomes a file of its own.

import * as box from "./crop_box.js";
import { button, element, openDialog } from "./dom.js";
import { text } from "./text.js";
import { asBlob, drawn } from "./thumbnail.js";

const TAP = 0.02; // a pointer that moves by less, as a share of the photo, taps
const STEP = 0.02; // of an arrow key
const ARROWS = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] };

// `found` is the box of the object if the model has found one, xyxy in pixels.
export async function openCrop(file, onPart, found) {
  const bitmap = await createImageBitmap(file);
  const { width, height } = bitmap;
  const start = found && [found[0] / width, found[1] / height, (found[2] - found[0]) / width, (found[3] - found[1]) / height];
  let current = start ?? box.tapped([0.5, 0.5], [width, height]);
  const url = URL.createObjectURL(file);
  const outline = element("span", { class: "crop-box" });
  const image = element("img", { src: url, alt: "", draggable: "false" });
  const area = element(
    "div",
    { class: "crop-area", tabindex: "0", role: "application", "aria-label": text("cropArea") },
    image,
    outline,
  );
  area.style.aspectRatio = `${width} / ${height}`;
  area.style.width = `min(100%, calc(60vh * ${width / height}))`;
  const size = element("input", { type: "range", min: "5", max: "100" });
  const set = (next) => {
    current = next;
    const [x, y, w, h] = current.map((share) => `${100 * share}%`);
    Object.assign(outline.style, { left: x, top: y, width: w, height: h });
    size.value = String(Math.round(100 * box.sizeOf(current)));
  };
  set(current);
  size.addEventListener("input", () => set(box.resized(current, size.value / 100)));
  area.addEventListener("keydown", (event) => {
    const by = ARROWS[event.key];
    if (!by) return;
    event.preventDefault();
    set(box.moved(current, ...by));
  });
  follow(area, () => current, set, [width, height]);

  const ask = async () => {
    const [x, y, w, h] = [current[0] * width, current[1] * height, current[2] * width, current[3] * height];
    const blob = await asBlob(drawn(bitmap, w, h, [x, y, w, h]), 0.95);
    dialog.close();
    onPart(new File([blob], file.name, { type: blob.type }));
  };
  const dialog = openDialog(
    "crop",
    text("cropTitle"),
    text("close"),
    [
      element("p", { class: "small faint" }, text("cropHint")),
      area,
      element("label", { class: "slider" }, element("span", { class: "small" }, text("cropSize")), size),
      element(
        "div",
        { class: "steps" },
        button("secondary", text("cancel"), () => dialog.close()),
        button("primary crop-ask", text("cropAsk"), ask),
      ),
    ],
    () => {
      URL.revokeObjectURL(url);
      bitmap.close();
    },
  );
  area.focus();
}

// A pointer inside the box moves it; elsewhere it draws a new one, or taps.
function follow(area, box_, set, photo) {
  let from = null;
  let moving = false;
  const place = (event) => {
    const { left, top, width, height } = area.getBoundingClientRect();
    return [(event.clientX - left) / width, (event.clientY - top) / height];
  };
  const far = ([x1, y1], [x2, y2]) => Math.abs(x1 - x2) > TAP || Math.abs(y1 - y2) > TAP;
  let last = null;
  let dragged = false;
  area.addEventListener("pointerdown", (event) => {
    from = last = place(event);
    moving = box.holds(box_(), from);
    dragged = false;
    area.setPointerCapture(event.pointerId);
  });
  area.addEventListener("pointermove", (event) => {
    if (!from) return;
    const to = place(event);
    dragged ||= far(from, to);
    if (dragged) set(moving ? box.moved(box_(), to[0] - last[0], to[1] - last[1]) : box.dragged(from, to));
    last = to;
  });
  area.addEventListener("pointerup", () => {
    if (from && !dragged) set(box.tapped(from, photo));
    from = null;
  });
  area.addEventListener("pointercancel", () => { from = null; });
}
