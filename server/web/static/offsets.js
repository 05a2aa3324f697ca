// Offsets outside of browsers count Unicode code points; strings in JavaScript count UTF-16 units. This is the only place where the one becomes
// the other.

// toUTF16(text) → a function from an offset in code points to the index in the string. Offsets beyond the text give its length.
export function toUTF16(text) {
  if (!/[\ud800-\udfff]/.test(text)) return (offset) => Math.max(0, Math.min(offset, text.length));
  const starts = new Uint32Array(text.length + 1);
  let count = 0;
  for (let i = 0; i < text.length; i += text.codePointAt(i) > 0xffff ? 2 : 1) starts[count++] = i;
  return (offset) => (offset >= count ? text.length : starts[Math.max(0, offset)]);
}
