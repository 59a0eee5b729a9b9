// Elements, created without interpreting any text as markup.

export function element(name, properties = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key in made) made[key] = value;
    else made.setAttribute(key, value);
  }
  made.append(...children);
  return made;
}

const SVG = "http://www.w3.org/2000/svg";

export function vector(name, attributes = {}, ...children) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

export function percent(part) {
  const digits = part > 0.99 && part < 1 ? 1 : 0;
  return `${(Math.floor(part * 1000) / 10).toFixed(digits)}%`;
}

export function save(content, name, type) {
  const url = URL.createObjectURL(new Blob([content], { type }));
  element("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10000);
}

// A canvas of a network's input: bytes, light on dark.
export function seen(pixels, name, className = "seen") {
  const side = Math.round(Math.sqrt(pixels.length));
  const canvas = element("canvas", { width: side, height: side, className, role: "img" });
  canvas.setAttribute("aria-label", name);
  const context = canvas.getContext("2d");
  const image = context.createImageData(side, side);
  pixels.forEach((value, i) => image.data.set([value, value, value, 255], 4 * i));
  context.putImageData(image, 0, 0);
  return canvas;
}

// A canvas as PNG. toBlob, and sending a blob, wait for other processes of the browser, which is too
// slow for an answer while you draw.
export function toBytes(canvas) {
  const text = atob(canvas.toDataURL("image/png").split(",")[1]);
  return Uint8Array.from(text, (sign) => sign.charCodeAt(0));
}
