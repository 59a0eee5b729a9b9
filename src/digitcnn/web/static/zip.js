// Makes a ZIP file of files that are already compressed.

const TABLE = Uint32Array.from({ length: 256 }, (_, i) => {
  let value = i;
  for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value >>> 0;
});

function checksum(bytes) {
  let value = 0xffffffff;
  for (const byte of bytes) value = TABLE[(value ^ byte) & 255] ^ (value >>> 8);
  return (value ^ 0xffffffff) >>> 0;
}

function pack(...numbers) {
  const bytes = new Uint8Array(numbers.reduce((sum, [, size]) => sum + size, 0));
  let place = 0;
  for (const [value, size] of numbers) {
    for (let i = 0; i < size; i += 1) bytes[place + i] = (value >>> (8 * i)) & 255;
    place += size;
  }
  return bytes;
}

// `files` are pairs of an ASCII name and bytes: fewer than 65,536 files, less than 4 GB in all.
export function zip(files) {
  const parts = [];
  const directory = [];
  const day = (1 << 5) | 1; // 1 January 1980 for every file.
  let offset = 0;
  for (const [name, content] of files) {
    const text = new TextEncoder().encode(name);
    const size = content.length;
    const common = [[20, 2], [0, 2], [0, 2], [0, 2], [day, 2], [checksum(content), 4], [size, 4], [size, 4], [text.length, 2], [0, 2]];
    const header = pack([0x04034b50, 4], ...common);
    directory.push(pack([0x02014b50, 4], [20, 2], ...common, [0, 2], [0, 2], [0, 2], [0, 4], [offset, 4]), text);
    parts.push(header, text, content);
    offset += header.length + text.length + size;
  }
  const length = directory.reduce((sum, one) => sum + one.length, 0);
  const end = pack([0x06054b50, 4], [0, 2], [0, 2], [files.length, 2], [files.length, 2], [length, 4], [offset, 4], [0, 2]);
  return new Blob([...parts, ...directory, end], { type: "application/zip" });
}
