// Corrections: entered in a dialog, kept in this browser, saved as a folder of images.

import { call, classify } from "./client.js";
import { element, save, seen, toBytes } from "./dom.js";
import { zip } from "./zip.js";

const KEY = "digitcnn.corrections";
const MOST = 2000;

export function startCorrect(show, settings) {
  const get = (id) => document.getElementById(id);
  const dialog = get("correction");
  const text = get("correction-text");
  const problem = get("correction-problem");
  let kept = load();
  let digits = [];
  let opener = null;

  get("correction-save").addEventListener("click", (event) => {
    event.preventDefault();
    accept();
  });
  dialog.addEventListener("close", () => opener?.isConnected && opener.focus());
  get("save-zip").addEventListener("click", saveZip);
  get("delete-all").addEventListener("click", () => {
    keep([]);
    get("tab-correct").focus();
  });
  // Another tab of this browser may have changed the corrections.
  addEventListener("storage", (event) => {
    if (event.key !== KEY) return;
    kept = load();
    list();
  });
  list();

  // Each digit has a label, and either its pixels or a function `crop` that gives its picture.
  return async function ask(found) {
    opener = document.activeElement;
    digits = found;
    problem.hidden = true;
    get("correction-read").textContent = found.map((digit) => digit.label).join("");
    get("correction-pictures").replaceChildren();
    text.value = "";
    dialog.showModal();
    text.focus();
    try {
      const cut = found.filter((digit) => !digit.pixels);
      if (cut.length) {
        const answers = await classify(cut.map((digit) => toBytes(digit.crop())));
        cut.forEach((digit, i) => (digit.pixels = answers[i].pixels));
      }
    } catch (error) {
      dialog.close();
      show(error);
      return;
    }
    if (digits !== found) return; // The dialog was opened for others meanwhile.
    get("correction-pictures").replaceChildren(
      ...found.map((digit) => seen(digit.pixels, `Read as ${digit.label}`)),
    );
  };

  function accept() {
    const labels = [...text.value.trim()];
    const refuse = (why) => {
      problem.textContent = why;
      problem.hidden = false;
      text.focus();
    };
    if (labels.length !== digits.length) {
      const n = digits.length === 1 ? "1 character" : `${digits.length} characters`;
      refuse(`Expected ${n}, one for each digit that was read, got ${labels.length}.`);
      return;
    }
    if (labels.some((label) => !/^[0-9A-Za-z]$/.test(label))) {
      refuse("Expected digits, or letters from A to Z.");
      return;
    }
    if (digits.some((digit) => !digit.pixels)) {
      refuse("The picture has not arrived yet. Try again.");
      return;
    }
    if (kept.length + digits.length > MOST) {
      refuse(`This browser keeps at most ${MOST} corrections. Save them as ZIP, then delete them.`);
      return;
    }
    const added = digits.map((digit, i) => ({
      label: labels[i],
      read: digit.label,
      pixels: btoa(String.fromCharCode(...digit.pixels)),
    }));
    dialog.close();
    keep([...added, ...kept]);
    if (settings().collects) added.forEach(send);
  }

  async function send({ label, pixels }) {
    try {
      await call("/api/corrections", { body: JSON.stringify({ label, pixels }), type: "application/json" });
    } catch (error) {
      show(error);
    }
  }

  function load() {
    try {
      const found = JSON.parse(localStorage.getItem(KEY) ?? "[]");
      return Array.isArray(found) ? found.filter(isWhole) : [];
    } catch {
      return [];
    }
  }

  function keep(corrections) {
    kept = corrections;
    try {
      localStorage.setItem(KEY, JSON.stringify(kept));
    } catch {
      show(new Error("This browser has no space left for corrections. Save them as ZIP before you close the page."));
    }
    list();
  }

  function list() {
    const badge = get("n-corrections");
    badge.textContent = String(kept.length);
    badge.hidden = kept.length === 0;
    get("save-zip").disabled = get("delete-all").disabled = kept.length === 0;
    get("no-corrections").hidden = kept.length > 0;
    get("collecting").hidden = !settings().collects;
    get("corrections").replaceChildren(...kept.map(tile));
  }

  function tile(correction, i) {
    const remove = element("button", { textContent: "Delete" });
    remove.setAttribute("aria-label", `Delete ${correction.label}, read as ${correction.read}`);
    remove.addEventListener("click", () => {
      keep(kept.filter((one) => one !== correction));
      const left = get("corrections").children;
      (left[Math.min(i, left.length - 1)]?.querySelector("button") ?? get("tab-correct")).focus();
    });
    const what = element("p", {}, element("strong", { textContent: correction.label }));
    if (correction.read !== correction.label) what.append(` not ${correction.read}`);
    return element("li", {}, seen(bytesOf(correction), `A ${correction.label}`), what, remove);
  }

  function saveZip() {
    const files = [];
    for (const [i, correction] of kept.entries()) {
      const name = `${correction.label}/${String(kept.length - i).padStart(4, "0")}.png`;
      files.push([name, toBytes(seen(bytesOf(correction), ""))]);
    }
    save(zip(files), "corrections.zip", "application/zip");
  }
}

function isWhole(one) {
  const { label, read, pixels } = one ?? {};
  return /^[0-9A-Za-z]$/.test(label) && typeof read === "string" && /^[A-Za-z0-9+/]+=*$/.test(pixels);
}

function bytesOf(correction) {
  return Uint8Array.from(atob(correction.pixels), (sign) => sign.charCodeAt(0));
}
