// The history in this browser's own database: small pictures and answers, the newest last. Nothing of it leaves the browser.

const NAME = "fieldmark";
const TABLE = "answers";
const MOST = 500;
const SWITCH = "fieldmark-history";

let opened = null;

export function keeps() {
  try {
    return localStorage.getItem(SWITCH) !== "off";
  } catch {
    return false; // a browser that keeps nothing for this page
  }
}

export const setKeeps = (on) => localStorage.setItem(SWITCH, on ? "on" : "off");

// Each operation rejects where the browser keeps no databases, as some private windows do.
function database() {
  opened ??= new Promise((resolve, reject) => {
    const request = indexedDB.open(NAME, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(TABLE, { keyPath: "id", autoIncrement: true });
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  return opened;
}

async function run(mode, operation) {
  const table = (await database()).transaction(TABLE, mode).objectStore(TABLE);
  const request = operation(table);
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

// A record is {when, model, path, answer, thumb}; it gets an id.
export async function remember(record) {
  if (!keeps()) return;
  await run("readwrite", (table) => table.add(record));
  const keys = await run("readonly", (table) => table.getAllKeys());
  if (keys.length > MOST) {
    const last = keys[keys.length - MOST - 1];
    await run("readwrite", (table) => table.delete(IDBKeyRange.upperBound(last)));
  }
}

export const remembered = async () => (await run("readonly", (table) => table.getAll())).reverse();
export const forget = (id) => run("readwrite", (table) => table.delete(id));
export const forgetAll = () => run("readwrite", (table) => table.clear());
