// Calls the server's API. Errors have the server's own message.

const KEY = "digitcnn.token";

export class ServerError extends Error {
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

// The token follows # in the URL, a part that browsers do not send to servers.
export function takeToken() {
  const found = new URLSearchParams(location.hash.slice(1)).get("token");
  if (found) {
    setToken(found);
    history.replaceState(null, "", location.pathname + location.search);
  }
}

export function setToken(token) {
  sessionStorage.setItem(KEY, token);
}

export async function call(path, { body, type, signal } = {}) {
  const headers = {};
  const token = sessionStorage.getItem(KEY);
  if (token) headers.Authorization = `Bearer ${token}`;
  if (type) headers["Content-Type"] = type;
  const method = body === undefined ? "GET" : "POST";
  for (let tries = 0; ; tries += 1) {
    let response;
    try {
      response = await fetch(path, { method, headers, body, signal, cache: "no-store" });
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new ServerError(0, "The server cannot be reached. Is it still running?");
    }
    if (response.ok) return response.json();
    const seconds = Number(response.headers.get("Retry-After"));
    if (response.status === 429 && tries < 3 && seconds > 0 && seconds <= 10) {
      await new Promise((resolve) => setTimeout(resolve, 1000 * seconds));
      continue;
    }
    const problem = await response.json().catch(() => ({}));
    throw new ServerError(response.status, problem.detail || `The server answered with status ${response.status}.`);
  }
}

// `pictures` are PNG files as bytes.
export function classify(pictures) {
  const edge = `edge-${crypto.getRandomValues(new Uint32Array(4)).join("-")}`;
  const encoder = new TextEncoder();
  const parts = pictures.flatMap((picture, i) => [
    encoder.encode(`--${edge}\r\nContent-Disposition: form-data; name="digit"; filename="${i}.png"\r\n\r\n`),
    picture,
    encoder.encode("\r\n"),
  ]);
  parts.push(encoder.encode(`--${edge}--\r\n`));
  const body = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let place = 0;
  for (const part of parts) {
    body.set(part, place);
    place += part.length;
  }
  const type = `multipart/form-data; boundary=${edge}`;
  return call("/api/classify?pixels=true", { body, type }).then((found) => found.answers);
}
