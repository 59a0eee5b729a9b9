// The reading of a drawing: the number, and each digit's image and probabilities.

import { element, percent, seen } from "./dom.js";

const DOUBTFUL = 0.9;

export class AnswerView {
  // `correct` is called with the digits to correct; without it there is no button for that.
  constructor(root, correct = null) {
    this.root = root;
    this.correct = correct;
    this.number = element("p", { className: "number none", textContent: "–" });
    this.said = element("p", { className: "quiet", role: "status" });
    this.digits = element("ul", { className: "digits" });
    this.detail = element("div", { className: "detail" });
    this.button = element("button", { textContent: "Correct this", hidden: true });
    this.button.addEventListener("click", () => this.correct(this.shown));
    root.append(this.number, this.said, this.digits, this.detail, this.button);
    this.chosen = 0;
    this.show(null);
  }

  setBusy(isBusy) {
    this.root.setAttribute("aria-busy", String(isBusy));
  }

  // `found` is null for an empty canvas, else { text, digits }. Each digit has a label, a
  // confidence, probabilities and pixels. Without digits, `other` describes what was drawn.
  show(found) {
    const digits = found?.digits ?? [];
    const confidence = digits.reduce((product, digit) => product * digit.confidence, 1);
    this.shown = digits;
    this.chosen = Math.min(this.chosen, Math.max(0, digits.length - 1));
    this.number.textContent = digits.length ? found.text : found ? "no digit" : "–";
    this.number.className = "number";
    if (!digits.length) this.number.classList.add("none");
    if (found?.text?.length > 8) this.number.classList.add("long");
    let said = "Nothing drawn yet.";
    if (digits.length) {
      said = `Read as ${found.text}, confidence ${percent(confidence)}${confidence < DOUBTFUL ? ": doubtful" : ""}.`;
    } else if (found) said = "No digit found in the drawing.";
    if (this.said.textContent !== said) this.said.textContent = said;
    this.said.classList.toggle("doubtful", digits.length > 0 && confidence < DOUBTFUL);
    this.button.hidden = !this.correct || !digits.length;
    this.#list(digits);
    this.#explain(digits[this.chosen] ?? found?.other ?? null, digits.length > 0);
  }

  #list(digits) {
    const hadFocus = this.digits.contains(document.activeElement);
    this.digits.replaceChildren();
    this.digits.hidden = digits.length < 2;
    if (digits.length < 2) return;
    digits.forEach((digit, i) => {
      const button = element("button", { title: "Show its probabilities" });
      button.setAttribute("aria-pressed", String(i === this.chosen));
      button.append(seen(digit.pixels, `Digit ${i + 1}`), `${digit.label} `);
      button.append(element("span", { className: "quiet", textContent: percent(digit.confidence) }));
      button.addEventListener("click", () => {
        this.chosen = i;
        this.#list(digits);
        this.#explain(digit, true);
      });
      this.digits.append(element("li", {}, button));
    });
    if (hadFocus) this.digits.children[this.chosen].firstChild.focus();
  }

  #explain(digit, isDigit) {
    this.detail.replaceChildren();
    if (!digit) return;
    const figure = element("figure", {}, seen(digit.pixels, "The network's input", "seen large"));
    const side = Math.round(Math.sqrt(digit.pixels.length));
    figure.append(element("figcaption", { textContent: `The network's input: ${side} × ${side} pixels` }));
    const body = element("tbody");
    for (const [label, probability] of Object.entries(digit.probabilities)) {
      const meter = element("meter", { min: 0, max: 1, value: probability });
      meter.setAttribute("aria-label", `Probability of ${label}`);
      const row = element(
        "tr",
        {},
        element("th", { scope: "row", textContent: label }),
        element("td", {}, meter),
        element("td", { textContent: percent(probability) }),
      );
      if (isDigit && label === digit.label) row.className = "best";
      body.append(row);
    }
    const head = element("caption", { className: "quiet", textContent: "Probability of each digit" });
    this.detail.append(figure);
    if (body.children.length) this.detail.append(element("table", { className: "bars" }, head, body));
  }
}
