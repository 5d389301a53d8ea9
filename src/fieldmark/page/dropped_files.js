// The photos in what was dropped or chosen: files as they are, and of folders every photo at any depth.

const PHOTO_ENDINGS = /\.(jpe?g|jfif|png|webp|tiff?|bmp|gif|heic|heif|avif|jp2|ppm|pgm|pbm)$/i;

const isPhoto = (file) => file.type.startsWith("image/") || PHOTO_ENDINGS.test(file.name);

// Chosen files. Of a chosen folder, only its photos: people do not pick the files one by one.
export function chosen(files) {
  const all = [...files].map((file) => ({ file, path: file.webkitRelativePath || file.name }));
  return sorted(all, (each) => !each.file.webkitRelativePath);
}

// Entries must be taken from a drop before the first await: afterwards the browser has emptied it.
export async function dropped(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.length) return chosen(transfer.files);
  const all = [];
  for (const entry of entries) all.push(...(await inside(entry, entry.isFile)));
  return sorted(all, (each) => each.single);
}

async function inside(entry, single) {
  if (entry.name.startsWith(".")) return [];
  if (entry.isFile) {
    const file = await new Promise((resolve) => entry.file(resolve, () => resolve(null)));
    return file ? [{ file, path: single ? file.name : entry.fullPath.replace(/^\//, ""), single }] : [];
  }
  const reader = entry.createReader();
  const found = [];
  for (;;) {
    // A reader gives at most a hundred entries at a time.
    const part = await new Promise((resolve) => reader.readEntries(resolve, () => resolve([])));
    if (!part.length) break;
    for (const child of part) found.push(...(await inside(child, false)));
  }
  return found;
}

function sorted(all, keep) {
  const photos = all.filter((each) => keep(each) || isPhoto(each.file));
  const order = new Intl.Collator(undefined, { numeric: true });
  photos.sort((one, other) => order.compare(one.path, other.path));
  return { photos: photos.map(({ file, path }) => ({ file, path })), skipped: all.length - photos.length };
}
