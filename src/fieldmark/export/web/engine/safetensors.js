// Read a safetensors file: name -> { data, shape }. Half precision is widened; a vector gets the shape [n].

export function readTensors(buffer) {
  const view = new DataView(buffer);
  const start = 8 + Number(view.getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 8, start - 8)));
  const tensors = {};
  for (const [name, facts] of Object.entries(header)) {
    if (name === "__metadata__") continue;
    const [from, to] = facts.data_offsets;
    const bytes = buffer.slice(start + from, start + to); // a copy lies at a multiple of every size
    const data = facts.dtype === "F16" ? widened(new Uint16Array(bytes)) : plain(facts, bytes);
    tensors[name] = { data, shape: facts.shape };
  }
  return tensors;
}

function plain({ dtype }, bytes) {
  if (dtype !== "F32") throw new Error(`the tensors have an unknown type, ${dtype}`);
  return new Float32Array(bytes);
}

function widened(halves) {
  return Float32Array.from(halves, (half) => {
    const sign = half & 0x8000 ? -1 : 1;
    const [exponent, fraction] = [(half >> 10) & 31, half & 1023];
    if (exponent === 31) return fraction ? NaN : sign * Infinity;
    return sign * (exponent ? 2 ** (exponent - 15) * (1 + fraction / 1024) : 2 ** -14 * (fraction / 1024));
  });
}
