// A filled-in form as lines of text; the cells of a grid as a table.

import { element } from "./dom.js";

const CELL = /^(.*)\[(\d+),(\d+)\]$/;

// A page with its lines in blocks, { line } or { grid, rows }, and its text. A row of a grid has a
// line for each cell, or null where the cell is empty. Empty fields and empty grids are left out.
export function asPage(page) {
  if (!page.fields) return { ...page, blocks: page.lines.map((line) => ({ line })) };
  const blocks = [];
  const grids = new Map();
  for (const [name, field] of Object.entries(page.fields)) {
    const line = field.number ? asLine(name, field) : null;
    const [, grid, row, column] = CELL.exec(name) ?? [];
    if (!grid) {
      if (line) blocks.push({ line });
      continue;
    }
    if (!grids.has(grid)) {
      grids.set(grid, { grid, rows: [] });
      blocks.push(grids.get(grid));
    }
    const { rows } = grids.get(grid);
    rows[row - 1] ??= [];
    rows[row - 1][column - 1] = line;
  }
  const filled = blocks.filter((one) => one.line || one.rows.flat().some(Boolean));
  const lines = filled.flatMap((one) => one.line ?? one.rows.flat().filter(Boolean));
  return { ...page, blocks: filled, lines, text: filled.flatMap(asText).join("\n") };
}

function asLine(name, field) {
  // A reading that the template does not allow is shown, and is doubtful.
  const number = field.is_allowed ? field.number : { ...field.number, confidence: 0 };
  return { name, text: field.text, confidence: field.confidence, box: field.box, numbers: [number] };
}

// As `digitcnn read --form` prints it: a dot is an empty cell.
function asText({ line, grid, rows }) {
  if (line) return [`${line.name}: ${line.text}`];
  return rows.map((row, i) => `${grid}[${i + 1}]: ${row.map((cell) => cell?.text || ".").join(" ")}`);
}

// A table of a grid's cells; `show` makes the content of a filled one.
export function gridTable({ grid, rows }, show) {
  const head = element("tr", {}, element("td"));
  rows[0].forEach((_, j) => head.append(element("th", { scope: "col", textContent: String(j + 1) })));
  const body = element("tbody");
  rows.forEach((row, i) => {
    const cells = row.map((line) => element("td", {}, ...(line ? show(line) : [])));
    body.append(element("tr", {}, element("th", { scope: "row", textContent: String(i + 1) }), ...cells));
  });
  const caption = element("caption", { textContent: grid });
  const table = element("table", { className: "grid" }, caption, element("thead", {}, head), body);
  return element("div", { className: "scroll" }, table);
}
