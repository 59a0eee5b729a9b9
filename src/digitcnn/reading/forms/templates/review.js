"use strict";

const data = JSON.parse(document.getElementById("data").textContent);
const list = document.getElementById("items");
const entries = [];
let isSaved = true;

function element(kind, text, name) {
  const made = document.createElement(kind);
  if (text) made.textContent = text;
  if (name) made.className = name;
  return made;
}

function reasonOf(item) {
  if (!item.allowed) return "not allowed here";
  const confidence = data.rows[item.row][item.column + 1];
  return `confidence ${(100 * confidence).toFixed(1)}%`;
}

function count() {
  const done = entries.filter((entry) => entry.done).length;
  document.getElementById("progress").value = done;
  document.getElementById("checked").textContent = `${done} of ${entries.length} checked`;
}

function take(entry) {
  entry.done = true;
  isSaved = false;
  entry.line.classList.add("done");
  const text = entry.input.value.trim();
  entry.state.textContent = text === entry.item.read ? "confirmed" : `was read as ${entry.item.read || "nothing"}`;
  count();
}

function restore(entry) {
  entry.done = false;
  entry.input.value = entry.item.read;
  entry.line.classList.remove("done");
  entry.state.textContent = reasonOf(entry.item);
  count();
}

function go(place) {
  if (place < 0) return;
  const next = place < entries.length ? entries[place].input : document.getElementById("download");
  next.focus();
  if (next.select) next.select();
  (entries[place]?.line ?? next).scrollIntoView({ block: "nearest" });
}

data.items.forEach((item, place) => {
  const row = data.rows[item.row];
  const line = element("li");
  const input = element("input");
  const label = element("label", data.names[item.column]);
  const state = element("span", reasonOf(item), "state");
  const entry = { item, line, input, state, done: false };
  input.id = `entry-${place}`;
  input.value = item.read;
  input.autocomplete = "off";
  input.spellcheck = false;
  input.inputMode = "decimal";
  label.htmlFor = input.id;
  input.addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    if (event.key === "Enter") {
      event.preventDefault();
      if (event.shiftKey) return go(place - 1);
      take(entry);
      go(place + 1);
    } else if (event.key === "Escape") {
      restore(entry);
      input.select();
    }
  });
  input.addEventListener("change", () => take(entry));
  if (item.image) {
    const image = element("img");
    image.src = item.image;
    image.alt = `${data.names[item.column]} in ${row[0]}`;
    line.append(image);
  }
  const fields = element("div", "", "entry");
  const source = row[1] > 1 ? `${row[0]}, page ${row[1]}` : row[0];
  fields.append(label, input, state, element("span", source, "note"));
  line.append(fields);
  list.append(line);
  entries.push(entry);
});

function quoted(value) {
  const text = String(value ?? "");
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function table() {
  const rows = data.rows.map((row) => [...row]);
  for (const { item, input, done } of entries) {
    if (!done) continue;
    rows[item.row][item.column] = input.value.trim();
    rows[item.row][item.column + 1] = 1;
  }
  return [data.names, ...rows].map((row) => `${row.map(quoted).join(",")}\r\n`).join("");
}

document.getElementById("download").addEventListener("click", () => {
  const link = element("a");
  link.href = URL.createObjectURL(new Blob([table()], { type: "text/csv" }));
  link.download = "corrected.csv";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  isSaved = true;
});

window.addEventListener("beforeunload", (event) => {
  if (!isSaved) event.preventDefault();
});

const pages = data.rows.length === 1 ? "1 form" : `${data.rows.length} forms`;
const doubts = entries.length === 1 ? "1 reading to check" : `${entries.length} readings to check`;
document.getElementById("summary").textContent = `${pages}, ${entries.length ? doubts : "nothing to check"}.`;
document.getElementById("progress").max = Math.max(1, entries.length);
count();
go(0);
