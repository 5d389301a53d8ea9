// The answers as the table that `fieldmark predict --csv` prints.

const FIELDS = ["path", "label", "probability", "unknown", "set", "rank", "ancestor", "error", "coverage", "group", "photos", "box"];
const CANDIDATES = 5;
const QUESTION_FIELDS = ["label", "probability", "unknown", "set"];

// `questions` are the names of the further questions; each has columns of its own.
export function answersCsv(entries, questions = []) {
  const ranks = Array.from({ length: CANDIDATES }, (_, index) => index + 1);
  const header = [
    ...FIELDS,
    ...ranks.flatMap((rank) => [`candidate_${rank}`, `probability_${rank}`]),
    ...questions.flatMap((question) => QUESTION_FIELDS.map((name) => `${question}_${name}`)),
  ];
  const answered = entries.filter((entry) => entry.answer);
  return [header, ...answered.map((entry) => row(entry, questions))].map(line).join("");
}

// Label, probability, unknown and set of one question.
function questionCells({ candidates, unknown, set } = { candidates: [] }) {
  return [candidates[0]?.label, candidates[0]?.probability.toFixed(6), unknown, set?.join("|")];
}

function row({ answer, photos, path, together }, questions) {
  const { candidates } = answer;
  const own = [
    together ? "" : path,
    ...questionCells(answer),
    answer.rank,
    answer.ancestor,
    answer.error?.message ?? answer.error,
    answer.coverage && Number(answer.coverage.toPrecision(6)),
    answer.group,
    together ? photos.map((photo) => photo.path).join("|") : "",
    answer.box?.map((edge) => Number(edge.toPrecision(6))).join(" "),
  ];
  for (let index = 0; index < CANDIDATES; index += 1) {
    own.push(candidates[index]?.label, candidates[index]?.probability.toFixed(6));
  }
  return [...own, ...questions.flatMap((question) => questionCells(answer.answers?.[question]))];
}

function line(cells) {
  const quoted = cells.map((cell) => String(cell ?? "")).map((cell) =>
    /[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell,
  );
  return `${quoted.join(",")}\n`;
}

export function download(name, content) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([content], { type: "text/csv;charset=utf-8" }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
