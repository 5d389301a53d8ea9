// Stores every file of the folder, and answers from the store. The names of large files tell their content, so that
// a new version downloads only what has changed.

const { version, files } = /* FILES */ { version: "", files: [] };

const OWN = `fieldmark ${self.registration.scope} `;
const NAME = OWN + version;
const total = files.reduce((sum, { size }) => sum + size, 0);

async function tell(done) {
  const pages = await self.clients.matchAll({ includeUncontrolled: true });
  for (const page of pages) page.postMessage({ done, total });
}

async function digest(response) {
  const found = new Uint8Array(await crypto.subtle.digest("SHA-256", await response.arrayBuffer()));
  return Array.from(found, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

async function fetched({ name, sha256 }) {
  const held = await caches.match(name);
  if (held && (await digest(held.clone())) === sha256) return held;
  const response = await fetch(name, { cache: "no-cache" });
  if (!response.ok || (await digest(response.clone())) !== sha256) throw new Error(`${name} is incomplete`);
  return response;
}

async function store() {
  const cache = await caches.open(NAME);
  let done = 0;
  for (const file of files) {
    await cache.put(file.name, await fetched(file));
    await tell((done += file.size));
  }
}

async function claim() {
  for (const name of await caches.keys()) if (name.startsWith(OWN) && name !== NAME) await caches.delete(name);
  await self.clients.claim();
}

async function answer(request) {
  const cache = await caches.open(NAME);
  const held = await cache.match(request, { ignoreSearch: true });
  if (held) return held;
  const isPage = request.mode === "navigate";
  return (isPage && (await cache.match("index.html"))) || fetch(request);
}

self.addEventListener("install", (event) => event.waitUntil(store()));
self.addEventListener("activate", (event) => event.waitUntil(claim()));
self.addEventListener("fetch", (event) => {
  if (event.request.method === "GET" && event.request.url.startsWith(self.registration.scope)) {
    event.respondWith(answer(event.request));
  }
});
