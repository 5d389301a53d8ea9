// The ways a photo comes in: dropped, pasted, chosen, taken.

import { openCamera } from "./camera_dialog.js";
import { chosen, dropped } from "./dropped_files.js";

// `onPhotos({photos, skipped})` gets photos as {file, path}.
export function takeIn(onPhotos) {
  const chooser = (name) => document.getElementById(name);
  for (const [button, input] of [["choose", "files"], ["choose-folder", "folder"], [null, "snapshot"]]) {
    if (button) chooser(button).addEventListener("click", () => chooser(input).click());
    chooser(input).addEventListener("change", () => {
      const found = chosen(chooser(input).files);
      chooser(input).value = "";
      onPhotos(found);
    });
  }
  chooser("camera").addEventListener("click", () =>
    openCamera((file) => onPhotos(chosen([file])), () => chooser("snapshot").click()),
  );
  const area = document.getElementById("intake");
  let depth = 0; // dragenter and dragleave come for every child
  const mark = (change) => {
    depth = Math.max(0, depth + change);
    area.classList.toggle("over", depth > 0);
  };
  window.addEventListener("dragenter", (event) => { event.preventDefault(); mark(1); });
  window.addEventListener("dragleave", () => mark(-1));
  window.addEventListener("dragover", (event) => event.preventDefault());
  window.addEventListener("drop", async (event) => {
    event.preventDefault();
    mark(-depth);
    onPhotos(await dropped(event.dataTransfer));
  });
  window.addEventListener("paste", (event) => {
    if (event.clipboardData?.files.length) onPhotos(chosen(event.clipboardData.files));
  });
}
