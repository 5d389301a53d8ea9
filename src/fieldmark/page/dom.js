// Elements without markup in strings: what a file or class is called never becomes HTML.

export function element(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name === "class") node.className = value;
    else if (name in node && typeof value !== "string") node[name] = value;
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

export const button = (name, words, onclick, properties = {}) =>
  element("button", { type: "button", class: name, onclick, ...properties }, words);

// The children become these, in this order. One that is there already is not taken out and put back, so that it keeps
// its focus and how far it is scrolled. Who works by keyboard stays on the same element, or on the one with the same
// `data-focus` that took its place.
export function arrange(parent, children) {
  const held = parent.contains(document.activeElement) ? document.activeElement : null;
  const wanted = children.filter(Boolean);
  for (const child of [...parent.children]) if (!wanted.includes(child)) child.remove();
  wanted.forEach((child, index) => {
    if (parent.children[index] !== child) parent.insertBefore(child, parent.children[index] ?? null);
  });
  if (held && document.activeElement !== held) refocus(parent, held);
}

export function refocus(parent, held) {
  const { focus } = held.dataset;
  const same = focus && [...parent.querySelectorAll("[data-focus]")].find((node) => node.dataset.focus === focus);
  (held.isConnected ? held : same)?.focus({ preventScroll: true });
}

// A modal dialog with a title. It is taken out of the page when it closes; `onClose` runs then.
export function openDialog(name, title, closeWords, children, onClose = () => {}) {
  const close = () => node.close();
  const head = element(
    "header",
    { class: "dialog-head" },
    element("h2", { id: `${name}-title` }, title),
    button("close plain", "×", close, { "aria-label": closeWords, title: closeWords }),
  );
  const node = element("dialog", { class: `dialog ${name}`, "aria-labelledby": `${name}-title` }, head, ...children);
  node.addEventListener("close", () => {
    node.remove();
    onClose();
  });
  node.addEventListener("pointerdown", (event) => event.target === node && isBehind(node, event) && close());
  document.body.append(node);
  node.showModal();
  return node;
}

function isBehind(dialog, { clientX: x, clientY: y }) {
  const { left, right, top, bottom } = dialog.getBoundingClientRect();
  return x < left || x > right || y < top || y > bottom;
}
