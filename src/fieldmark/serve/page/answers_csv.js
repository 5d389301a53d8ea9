// The answers as the table that `fieldmark predict --csv` prints.

const FIELDS = ["path", "label", "probability", "unknown", "set", "rank", "ancestor", "error", "coverage", "group", "photos"];
const CANDIDATES = 5;

export function answersCsv(entries) {
  const ranks = Array.from({ length: CANDIDATES }, (_, index) => index + 1);
  const header = [...FIELDS, ...ranks.flatMap((rank) => [`candidate_${rank}`, `probability_${rank}`])];
  return [header, ...entries.filter((entry) => entry.answer).map(row)].map(line).join("");
}

function row({ answer, photos, path, together }) {
  const { candidates } = answer;
  const own = [
    together ? "" : path,
    candidates[0]?.label,
    candidates[0]?.probability.toFixed(6),
    answer.unknown,
    answer.set?.join("|"),
    answer.rank,
    answer.ancestor,
    answer.error?.message ?? answer.error,
    answer.coverage && Number(answer.coverage.toPrecision(6)),
    answer.group,
    together ? photos.map((photo) => photo.path).join("|") : "",
  ];
  for (let index = 0; index < CANDIDATES; index += 1) {
    own.push(candidates[index]?.label, candidates[index]?.probability.toFixed(6));
  }
  return own;
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
