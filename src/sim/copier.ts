const BLOCK_BYTES = 65_536;

/** Copies bytes one behind the other into large blocks: a small array with memory of its own costs eight times as much. */
export function copier(): (bytes: Uint8Array) => Uint8Array {
  let block = new Uint8Array(BLOCK_BYTES);
  let used = 0;
  return (bytes) => {
    if (bytes.length > block.length - used) {
      block = new Uint8Array(Math.max(BLOCK_BYTES, bytes.length));
      used = 0;
    }
    const copy = block.subarray(used, used + bytes.length);
    copy.set(bytes);
    used += bytes.length;
    return copy;
  };
}
