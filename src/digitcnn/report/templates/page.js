"use strict";

const statusLine = document.getElementById("cell-status");
const digits = document.getElementById("cell-digits");
let pressed = null;

function show(button) {
  if (pressed) pressed.setAttribute("aria-pressed", "false");
  pressed = button === pressed ? null : button;
  if (!pressed) {
    statusLine.textContent = "";
    digits.replaceChildren();
    return;
  }
  button.setAttribute("aria-pressed", "true");
  const template = document.getElementById(button.dataset.cell);
  statusLine.textContent = template.dataset.status;
  digits.replaceChildren(template.content.cloneNode(true));
}

for (const button of document.querySelectorAll("button[data-cell]")) {
  button.addEventListener("click", () => show(button));
}
