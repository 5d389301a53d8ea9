"use strict";
(() => {
  const dialog = document.createElement("dialog");
  dialog.className = "large";
  const close = document.createElement("button");
  close.type = "button";
  close.className = "secondary";
  close.textContent = document.body.dataset.close;
  const figure = document.createElement("figure");
  const caption = document.createElement("figcaption");
  dialog.append(close, figure);
  document.body.append(dialog);
  let opener = null;

  function show(next) {
    opener = next;
    const shown = (next.classList.contains("chart-button") ? next.parentElement : next).querySelector("img, svg:not(.sign)");
    const copy = shown.cloneNode(true);
    copy.removeAttribute("loading");
    copy.classList.toggle("wide", next.closest(".matrix") !== null); // many cells need the width, also on a phone
    const label = copy.getAttribute("alt") ?? copy.getAttribute("aria-label") ?? "";
    caption.textContent = next.dataset.caption || label;
    dialog.setAttribute("aria-label", label || caption.textContent);
    dialog.classList.toggle("drawn", copy.tagName !== "IMG");
    const stage = document.createElement("div");
    stage.append(copy, ...[...next.querySelectorAll(".ring")].map((ring) => ring.cloneNode()));
    figure.replaceChildren(stage, caption);
  }

  document.addEventListener("click", (event) => {
    const next = event.target.closest(".enlarge");
    if (!next) return;
    show(next);
    dialog.showModal();
  });
  close.addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
  dialog.addEventListener("close", () => opener?.focus());
  dialog.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const all = [...document.querySelectorAll(".enlarge")];
    const next = all[all.indexOf(opener) + step];
    if (next) show(next);
  });
})();
