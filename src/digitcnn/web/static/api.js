// Shows the OpenAPI document to people.

import { call, takeToken } from "./client.js";
import { element } from "./dom.js";

function rows(names, lines, caption) {
  const cells = (kind, row) => element("tr", {}, ...row.map((cell) => element(kind, {}, cell)));
  const table = element(
    "table",
    { className: "figures" },
    element("caption", { textContent: caption }),
    element("thead", {}, cells("th", names)),
    element("tbody", {}, ...lines.map((line) => cells("td", line))),
  );
  const room = element("div", { className: "scroll", tabIndex: 0, role: "region" }, table);
  room.setAttribute("aria-label", caption);
  return room;
}

function nameOf(schema) {
  if (!schema) return "";
  if (schema.$ref) return schema.$ref.split("/").at(-1);
  if (schema.type === "array") return schema.items ? `list of ${nameOf(schema.items)}` : "list";
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  return [schema.type ?? "any"].flat().join(" or ");
}

function operation(path, method, described, hasToken) {
  const parts = [
    element("h2", {}, element("span", { className: "method", textContent: method.toUpperCase() }), ` ${path}`),
    element("p", { textContent: described.summary + "." }),
  ];
  if (described.description) parts.push(element("p", { textContent: described.description }));
  if (described.parameters?.length) {
    const lines = described.parameters.map((one) => [one.name, nameOf(one.schema), one.description]);
    parts.push(rows(["name", "type", "meaning"], lines, `Query of ${path}`));
  }
  if (described.requestBody) {
    const types = Object.entries(described.requestBody.content).map(([type, one]) => [type, nameOf(one.schema)]);
    parts.push(rows(["content type", "content"], types, `Body of ${path}`));
    if (described.requestBody.description) parts.push(element("p", { textContent: described.requestBody.description }));
    const [type] = types[0];
    const data = type === "application/json" ? "@request.json" : "@picture.jpg";
    const token = hasToken ? " -H 'Authorization: Bearer TOKEN'" : "";
    const code = `curl${token} -H 'Content-Type: ${type === "image/png" ? "image/jpeg" : type}' --data-binary ${data} ${location.origin}${path}`;
    const block = element("pre", { tabIndex: 0 }, element("code", { textContent: code }));
    block.setAttribute("aria-label", `Example of ${path}`);
    parts.push(block);
  }
  const answers = Object.entries(described.responses).map(([status, one]) => [
    status,
    nameOf(Object.values(one.content ?? {})[0]?.schema),
    one.description,
  ]);
  parts.push(rows(["status", "content", "meaning"], answers, `Responses of ${path}`));
  return element("section", {}, ...parts);
}

async function start() {
  takeToken();
  try {
    const found = await call("/api/openapi.json");
    const operations = Object.entries(found.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, described]) => operation(path, method, described, "security" in found)),
    );
    document.getElementById("operations").replaceChildren(...operations);
    const schemas = Object.entries(found.components.schemas).map(([name, schema]) => {
      const lines = Object.entries(schema.properties ?? {}).map(([key, one]) => [
        key,
        nameOf(one),
        one.description ?? "",
      ]);
      return element("section", {}, element("h3", { textContent: name }), rows(["name", "type", "meaning"], lines, `Fields of ${name}`));
    });
    document.getElementById("schemas").replaceChildren(...schemas);
  } catch (problem) {
    const error = document.getElementById("error");
    error.textContent = problem.status === 401 ? "This server needs a token. Open its page with the token first." : problem.message;
    error.hidden = false;
  }
}

start();
