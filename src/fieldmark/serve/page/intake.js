// The four ways a photo comes in: dropped, pasted, chosen, taken.

export function takeIn(onPhotos) {
  const area = document.getElementById("intake");
  const give = (files) => {
    const photos = [...files];
    if (photos.length) onPhotos(photos);
  };
  for (const [button, input] of [["choose", "files"], ["camera", "snapshot"]]) {
    const chooser = document.getElementById(input);
    document.getElementById(button).addEventListener("click", () => chooser.click());
    chooser.addEventListener("change", () => {
      give(chooser.files);
      chooser.value = "";
    });
  }
  let depth = 0; // dragenter and dragleave come for every child
  const mark = (change) => {
    depth = Math.max(0, depth + change);
    area.classList.toggle("over", depth > 0);
  };
  window.addEventListener("dragenter", (event) => { event.preventDefault(); mark(1); });
  window.addEventListener("dragleave", () => mark(-1));
  window.addEventListener("dragover", (event) => event.preventDefault());
  window.addEventListener("drop", (event) => {
    event.preventDefault();
    mark(-depth);
    give(event.dataTransfer.files);
  });
  window.addEventListener("paste", (event) => give(event.clipboardData?.files ?? []));
}
