"use strict";
(() => {
  const { classes, rows } = JSON.parse(document.getElementById("rows").textContent);
  const STEP = 200, PHOTO = 0, TRUTH = 1, ANSWER = 2, SUSPECT = 6;
  const table = document.getElementById("photos"), body = table.tBodies[0];
  const words = document.getElementById("words"), which = document.getElementById("which");
  const shown = document.getElementById("shown"), more = document.getElementById("more");
  const isClass = (column) => column === TRUTH || column === ANSWER;
  const value = (row, column) => (isClass(column) ? classes[row[column]] : row[column]);
  const order = new Intl.Collator("en", { numeric: true }).compare;
  const state = { by: 4, up: true, limit: STEP };
  const text = rows.map((row) => [row[PHOTO], classes[row[TRUTH]], classes[row[ANSWER]]].join("\n").toLowerCase());
  const kinds = {
    "": () => true,
    wrong: (row) => row[TRUTH] !== row[ANSWER],
    correct: (row) => row[TRUTH] === row[ANSWER],
    suspect: (row) => row[SUSPECT] === 1,
  };

  function cell(content, name) {
    const made = document.createElement("td");
    made.textContent = content;
    if (name) made.className = name;
    return made;
  }

  function line(row) {
    const made = document.createElement("tr");
    const correct = row[TRUTH] === row[ANSWER];
    if (!correct) made.className = "wrong";
    const answer = cell("", "answer"), mark = document.createElement("span");
    mark.className = "mark";
    mark.textContent = correct ? "✓" : "✗";
    answer.append(mark, classes[row[ANSWER]]);
    const share = (number) => (100 * number).toFixed(1) + "%";
    made.append(cell(row[0]), cell(classes[row[TRUTH]]), answer);
    made.append(cell(share(row[3]), "num"), cell(share(row[4]), "num"), cell(row[5], "num"));
    return made;
  }

  function show() {
    const wanted = words.value.trim().toLowerCase(), fits = kinds[which.value];
    const found = rows.map((row, index) => index).filter((index) => fits(rows[index]) && text[index].includes(wanted));
    found.sort((a, b) => {
      const one = value(rows[a], state.by), other = value(rows[b], state.by);
      const sign = typeof one === "string" ? order(one, other) : one - other;
      return (state.up ? sign : -sign) || a - b;
    });
    body.replaceChildren(...found.slice(0, state.limit).map((index) => line(rows[index])));
    const count = Math.min(found.length, state.limit);
    shown.textContent = `${count.toLocaleString("en")} of ${found.length.toLocaleString("en")} photos`;
    more.hidden = count === found.length;
    for (const button of table.querySelectorAll("th button")) {
      const own = Number(button.dataset.by) === state.by;
      button.parentElement.ariaSort = own ? (state.up ? "ascending" : "descending") : null;
    }
  }

  table.tHead.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    const by = Number(button.dataset.by);
    state.up = by === state.by ? !state.up : true;
    state.by = by;
    show();
  });
  const again = () => { state.limit = STEP; show(); };
  words.addEventListener("input", again);
  which.addEventListener("change", again);
  more.addEventListener("click", () => { state.limit += STEP; show(); });
  show();
})();
