"use strict";
(() => {
  const { model, said } = JSON.parse(document.getElementById("notes-data").textContent);
  const fields = [...document.querySelectorAll("textarea[data-class]")];
  const status = document.getElementById("notes-status");
  const key = (name) => `fieldmark note ${model} ${name}`;

  // The page works where the browser keeps nothing, such as in a private window; only the memory is missing.
  function kept(name) {
    try { return JSON.parse(localStorage.getItem(key(name))); } catch { return null; }
  }
  function keep(name, text, page) {
    try { localStorage.setItem(key(name), JSON.stringify({ text, page })); } catch { /* not kept */ }
  }

  // The rule of `join_notes`.
  function joined(before, text) {
    if (before.includes(text)) return before;
    return text.includes(before) ? text : `${before}\n${text}`;
  }

  function show(field) {
    for (const copy of document.querySelectorAll(`[data-note="${field.dataset.label}"]`)) {
      copy.textContent = field.value.trim();
      copy.hidden = !copy.textContent;
    }
  }

  for (const field of fields) {
    const name = field.dataset.class, page = field.value.trim(), old = kept(name);
    // What was written here stays. A note that came with a new page is joined to it.
    if (typeof old?.text === "string") field.value = old.page === page ? old.text : joined(old.text, page);
    show(field);
    field.addEventListener("input", () => { keep(name, field.value, page); show(field); });
  }

  document.getElementById("notes-save").addEventListener("click", () => {
    const notes = Object.fromEntries(fields.filter((one) => one.value.trim()).map((one) => [one.dataset.class, one.value.trim()]));
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([JSON.stringify({ model, notes }, null, 1)], { type: "application/json" }));
    link.download = "notes.json";
    link.click();
    URL.revokeObjectURL(link.href);
  });

  const file = document.getElementById("notes-file");
  document.getElementById("notes-add").addEventListener("click", () => file.click());
  file.addEventListener("change", async () => {
    let notes;
    try { ({ notes } = JSON.parse(await file.files[0].text())); } catch { notes = null; }
    file.value = "";
    const texts = notes && typeof notes === "object" ? notes : null;
    if (!texts) { status.textContent = said.bad; return; }
    let count = 0;
    for (const field of fields) {
      const text = Object.hasOwn(texts, field.dataset.class) ? texts[field.dataset.class] : null;
      if (typeof text !== "string" || !text.trim()) continue;
      field.value = joined(field.value.trim(), text.trim());
      field.dispatchEvent(new Event("input"));
      count += 1;
    }
    status.textContent = said.added.replace("{count}", count);
  });
})();
