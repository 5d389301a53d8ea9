// The history as a list: what was asked, when, and what was answered.

import { shortAnswer } from "./answer_kind.js";
import { button, element, openDialog } from "./dom.js";
import * as store from "./history_store.js";
import { current, percent, text } from "./text.js";

export async function openHistory() {
  const list = element("ul", { class: "history-list" });
  const note = element("p", { class: "small faint", role: "status" });
  const urls = [];
  const keep = element("input", { type: "checkbox", checked: store.keeps() });
  keep.addEventListener("change", () => store.setKeeps(keep.checked));
  const clear = button("secondary history-clear", text("historyClear"), async () => {
    await store.forgetAll();
    list.replaceChildren();
    say();
  });
  const say = () => {
    clear.disabled = !list.children.length;
    note.textContent = list.children.length ? "" : text("historyEmpty");
  };
  openDialog("history", text("history"), text("close"), [
    element("p", { class: "small faint" }, text("historyLead")),
    element("div", { class: "steps" }, element("label", { class: "check" }, keep, text("historyKeep")), clear),
    note,
    list,
  ], () => urls.forEach((url) => URL.revokeObjectURL(url)));
  try {
    const records = await store.remembered();
    list.append(...records.map((record) => row(record, urls, say)));
    say();
  } catch {
    note.textContent = text("historyOff");
  }
}

function row(record, urls, say) {
  const { answer, thumb, when, model, path } = record;
  const image = thumb ? element("img", { src: URL.createObjectURL(thumb), alt: "" }) : element("span", { class: "gone" });
  if (thumb) urls.push(image.src);
  const { name, share } = shortAnswer(answer);
  const time = new Intl.DateTimeFormat(current(), { dateStyle: "medium", timeStyle: "short" }).format(new Date(when));
  const others = answer.candidates.slice(0, 3).map((one) => `${one.label} ${percent(one.probability)}`).join(" · ");
  const node = element(
    "li",
    {},
    image,
    element(
      "div",
      {},
      element("p", {}, element("b", {}, name), ` ${share}`),
      element("p", { class: "small faint" }, others),
      element("p", { class: "small faint" }, `${time} · ${model} · ${path}`),
    ),
    button("close plain", "×", async () => {
      await store.forget(record.id);
      node.remove();
      say();
    }, { "aria-label": text("historyForget"), title: text("historyForget") }),
  );
  return node;
}
