// The tab Picture: shows each picture with boxes around the digits that were read.

import { call } from "./client.js";
import { element, percent, save, vector } from "./dom.js";
import { asPage, gridTable } from "./form.js";

const DOUBTFUL = 0.9;

export function startPicture(show, correct, limits) {
  const get = (id) => document.getElementById(id);
  const [drop, file, camera] = [get("drop"), get("file"), get("camera")];
  const [progress, pages, downloads] = [get("progress"), get("pages"), get("downloads")];
  const results = []; // { raw, page, picture, article }
  let template = null; // the file of a form's template
  let queue = Promise.resolve();

  get("choose").addEventListener("click", () => file.click());
  get("photograph").addEventListener("click", () => camera.click());
  for (const input of [file, camera]) {
    input.addEventListener("change", () => {
      take([...input.files]);
      input.value = "";
    });
  }
  for (const name of ["dragenter", "dragover"]) {
    document.addEventListener(name, (event) => {
      if (![...event.dataTransfer.types].includes("Files")) return;
      event.preventDefault();
      drop.classList.add("over");
    });
  }
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) drop.classList.remove("over");
  });
  document.addEventListener("drop", (event) => {
    drop.classList.remove("over");
    if (!event.dataTransfer.files.length) return;
    event.preventDefault();
    take([...event.dataTransfer.files]);
  });
  document.addEventListener("paste", (event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    if (files.length) take(files);
  });
  get("copy").addEventListener("click", copy);
  get("download-json").addEventListener("click", () => {
    const found = { pages: results.map((one) => one.raw), failed: 0 };
    save(JSON.stringify(found, null, 1), "numbers.json", "application/json");
  });
  get("download-csv").addEventListener("click", () => save(asTable(), "numbers.csv", "text/csv"));
  get("forget").addEventListener("click", () => {
    for (const { picture } of results) URL.revokeObjectURL(picture.src);
    results.length = 0;
    pages.replaceChildren();
    update("");
    get("choose").focus();
  });

  get("no-template").addEventListener("click", () => {
    readAs(null);
    get("choose").focus();
  });

  function take(files) {
    document.getElementById("tab-picture").click();
    // A template that is dropped together with pictures applies to them.
    const isTemplate = (one) => one.type === "application/json" || /\.json$/i.test(one.name);
    for (const one of files.filter(isTemplate)) queue = queue.then(() => readAs(one));
    for (const one of files.filter((one) => !isTemplate(one))) queue = queue.then(() => readOne(one));
  }

  function readAs(file) {
    show(null);
    template = file;
    get("template").hidden = file === null;
    get("template-name").textContent = file?.name ?? "";
    // The template has these settings for each field.
    for (const id of ["layouts", "limits"]) get(id).hidden = file !== null;
    if (file) update("Now drop a picture of the form.");
  }

  async function readOne(one) {
    show(null);
    if (one.size > limits().body) {
      show(new Error(`${one.name}: expected at most ${limits().body >> 20} MiB, got more.`));
      return;
    }
    update(`Reading ${one.name} …`);
    const layout = document.querySelector("input[name=layout]:checked").value;
    try {
      const form = new FormData();
      form.append("picture", one, one.name);
      const query = new URLSearchParams();
      if (template) {
        form.append("form", template, template.name);
      } else {
        if (layout !== "page") query.set(layout, "true");
        for (const name of ["length", "pattern"]) {
          const text = get(name).value.trim();
          if (text) query.set(name, text);
        }
      }
      const found = await call(`/api/read?${query}`, { body: form });
      const picture = await open(one);
      const made = found.pages.map((raw) => {
        const page = asPage(raw);
        return { raw, page, picture, article: describe(page, picture) };
      });
      results.unshift(...made);
      pages.prepend(...made.map((one) => one.article));
      const n = made.reduce((sum, { page }) => sum + page.lines.length, 0);
      const what = template ? "field" : "line";
      update(`${one.name}: ${n === 0 ? "no number found" : n === 1 ? `1 ${what}` : `${n} ${what}s`}.`);
    } catch (error) {
      update("");
      show(error);
    }
  }

  // The picture as the browser shows it; its width is 0 where the browser cannot.
  async function open(one) {
    const picture = new Image();
    picture.src = URL.createObjectURL(one);
    picture.alt = `The picture ${one.name}`;
    await picture.decode().catch(() => {});
    return picture;
  }

  function update(text) {
    progress.textContent = text;
    downloads.hidden = results.length === 0;
  }

  async function copy() {
    const text = results.map((one) => one.page.text).join("\n\n");
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      // Browsers offer the clipboard only over HTTPS and on this machine's own pages.
      const area = element("textarea", { value: text });
      document.body.append(area);
      area.select();
      document.execCommand("copy");
      area.remove();
    }
    update("Copied.");
  }

  function asTable() {
    const rows = [["file", "page", "line", "text", "confidence", "x", "y", "width", "height"]];
    for (const { page } of results) {
      page.lines.forEach((line, i) => {
        rows.push([page.file, page.page, line.name ?? i + 1, line.text, line.confidence, ...line.box]);
      });
    }
    return rows.map((row) => `${row.map(asCell).join(",")}\r\n`).join("");
  }

  function describe(page, picture) {
    const canShow = picture.naturalWidth > 0;
    const sheet = element("div", { className: canShow ? "sheet" : "sheet blank" });
    if (canShow) sheet.append(picture);
    sheet.append(overlay(page, (number) => ask(page, picture, number)));
    const list = element("ol", { className: "lines" });
    const buttons = (line) => line.numbers.map((number) => buttonOf(number, () => ask(page, picture, number)));
    for (const block of page.blocks) {
      const item = element("li");
      if (block.grid) item.append(gridTable(block, buttons));
      else {
        const { name } = block.line;
        if (name) item.append(element("span", { className: "quiet", textContent: `${name} ` }));
        item.append(...buttons(block.line));
      }
      list.append(item);
    }
    const right = element("div");
    if (page.lines.length) {
      const n = page.lines.flatMap((l) => l.numbers.flatMap((m) => m.digits));
      const doubtful = n.filter((digit) => digit.confidence < DOUBTFUL).length;
      right.append(list);
      if (doubtful) {
        const verb = doubtful === 1 ? "has" : "have";
        const text = `${doubtful} of ${n.length} digits ${verb} a confidence below 90%: underlined, and in a dashed box.`;
        right.append(element("p", { className: "quiet", textContent: text }));
      }
    } else {
      right.append(element("p", { className: "number none", textContent: "no number found" }));
    }
    if (!canShow) {
      const text = "Your browser cannot show this file. The boxes show where the numbers are on the page.";
      right.append(element("p", { className: "quiet", textContent: text }));
    }
    const title = page.page > 1 ? `${page.file}, page ${page.page}` : page.file;
    const heading = element("h2", { textContent: title });
    return element("article", { className: "page" }, heading, element("div", { className: "page-columns" }, sheet, right));
  }

  function ask(page, picture, number) {
    if (!picture.naturalWidth) {
      show(new Error("Your browser cannot show this file, so its digits cannot be corrected here. Convert it to PNG or JPEG first."));
      return;
    }
    show(null);
    correct(number.digits.map((digit) => ({ label: digit.text, crop: () => crop(page, picture, digit) })));
  }
}

// A number to click on, with its doubtful digits marked.
function buttonOf(number, onClick) {
  const button = element("button", { title: "Correct this" });
  const doubt = number.confidence < DOUBTFUL ? ", doubtful" : "";
  const name = `${number.text}, confidence ${percent(number.confidence)}${doubt}. Correct it`;
  button.setAttribute("aria-label", name);
  for (const { text, confidence } of number.digits) {
    button.append(confidence < DOUBTFUL ? element("mark", { textContent: text }) : text);
  }
  button.addEventListener("click", onClick);
  return button;
}

// Boxes around the digits, to click on. The buttons beside the picture serve the keyboard.
function overlay(page, onClick) {
  const svg = vector("svg", { viewBox: `0 0 ${page.width} ${page.height}`, "aria-hidden": "true" });
  for (const number of page.lines.flatMap((line) => line.numbers)) {
    for (const digit of number.digits) {
      const [x, y, , height] = digit.box;
      const unsure = digit.confidence < DOUBTFUL ? " unsure" : "";
      const points = digit.polygon.map((corner) => corner.join(",")).join(" ");
      const box = vector("polygon", { points, class: `box${unsure}` });
      box.append(vector("title", {}, `${digit.text}, confidence ${percent(digit.confidence)}`));
      box.addEventListener("click", () => onClick({ ...number, digits: [digit] }));
      const size = Math.max(height * 0.45, page.width / 80);
      const place = { x, y: Math.max(size, y - size * 0.2), "font-size": size, class: unsure.trim() };
      svg.append(box, vector("text", place, digit.text));
    }
  }
  return svg;
}

// A digit cropped from a picture, with a margin.
function crop(page, picture, digit) {
  const scale = picture.naturalWidth / page.width;
  const [x, y, width, height] = digit.box;
  const margin = 0.15 * height;
  const canvas = element("canvas", {
    width: Math.max(1, Math.round((width + 2 * margin) * scale)),
    height: Math.max(1, Math.round((height + 2 * margin) * scale)),
  });
  const context = canvas.getContext("2d");
  context.drawImage(picture, (margin - x) * scale, (margin - y) * scale);
  return canvas;
}

// A text that a spreadsheet would read as a formula gets a leading quote.
function asCell(value) {
  let text = String(value);
  if (typeof value === "string" && /^[=+\-@\t\r]/.test(text)) text = `'${text}`;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
