// Every HTTP exchange with the endpoint, as it goes over the wire: the official client sends, this only writes down.
import { data } from "./data.js";
import { gettext, interpolate } from "./words.js";

const KEPT_EXCHANGES = 200;
const KEPT_MESSAGES = 200;
const KEPT_BYTES = 50_000_000;
// Names the call that a request is of. It never leaves the page.
export const CALL = "x-page-call";

export const exchanges = [];
const listeners = new Set();
const calls = new Map();
let keptBytes = 0;

export function follow(listener) {
  listeners.add(listener);
}

// Has a call told of its exchanges, and of each message in them, until it ends.
export function attend(name, call) {
  calls.set(name, call);
  return () => calls.delete(name);
}

function keep(exchange) {
  exchanges.push(exchange);
  while (exchanges.length > KEPT_EXCHANGES || (keptBytes > KEPT_BYTES && exchanges.length > 1)) keptBytes -= exchanges.shift().bytes;
}

function parse(text, status) {
  try {
    return JSON.parse(text);
  } catch {
    return { error: { code: status, message: interpolate(gettext("The server answered %(status)s with what is no JSON."), { status }) } };
  }
}

function receive(exchange, call, text) {
  const message = parse(text, exchange.status);
  exchange.bytes += text.length;
  keptBytes += text.length;
  if (exchange.received.length < KEPT_MESSAGES) exchange.received.push({ message, milliseconds: since(exchange), size: text.length });
  else exchange.left += 1;
  if (message && message.method === undefined) exchange.reply = message;
  if (call) call.hear(message, exchange);
}

function since(exchange) {
  return Math.round(performance.now() - exchange.started);
}

// Reads the events of a stream on their way to the client.
function overhear(exchange, call) {
  const decoder = new TextDecoder();
  let rest = "";
  return new TransformStream({
    transform(chunk, controller) {
      const events = (rest + decoder.decode(chunk, { stream: true })).split("\n\n");
      rest = events.pop();
      for (const event of events) {
        const lines = event.split("\n").filter((line) => line.startsWith("data:")).map((line) => line.slice(5).trimStart());
        if (lines.join("")) receive(exchange, call, lines.join("\n"));
      }
      if (events.length) tell(exchange);
      controller.enqueue(chunk);
    },
    flush() {
      end(exchange);
    },
  });
}

function tell(exchange) {
  for (const listener of listeners) listener(exchange);
}

function end(exchange) {
  exchange.milliseconds = since(exchange);
  tell(exchange);
}

function begin(init, headers) {
  const message = init.body ? JSON.parse(init.body) : null;
  return {
    method: init.method, message, headers: Object.fromEntries(headers), sentSize: (init.body || "").length, bytes: 0,
    at: new Date(), started: performance.now(), received: [], left: 0, status: 0, milliseconds: null,
  };
}

// The `fetch` of the page's client: the person's session and a CSRF token in the place of a token.
//
// A request that names no call is of the one that has the connection opened, if any.
export async function recordingFetch(url, init, opener = null) {
  const headers = new Headers(init.headers);
  const call = calls.get(headers.get(CALL)) || (init.method === "POST" ? opener : null);
  headers.delete(CALL);
  // A browser writes every refusal into its console, this one of all endpoints without streams too.
  if (init.method === "GET" && !data.streams) return new Response(null, { status: 405 });
  const exchange = begin(init, headers);
  keep(exchange);
  if (call) call.exchanges.push(exchange);
  tell(exchange);
  headers.set(data.csrfHeader, data.csrfToken);
  headers.set("X-MCP-Page", "1");
  try {
    return await answered(exchange, call, await fetch(url, { ...init, headers, credentials: "same-origin", redirect: "error", cache: "no-store" }));
  } catch (error) {
    exchange.failure = error.message;
    end(exchange);
    throw error;
  }
}

async function answered(exchange, call, response) {
  const { status } = response;
  Object.assign(exchange, { status, answerHeaders: Object.fromEntries(response.headers) });
  const copied = { status, headers: response.headers };
  if ((response.headers.get("Content-Type") || "").startsWith("text/event-stream")) {
    tell(exchange);
    return new Response(response.body.pipeThrough(overhear(exchange, call)), copied);
  }
  const text = await response.text();
  if (text) receive(exchange, call, text);
  end(exchange);
  return new Response([101, 204, 205, 304].includes(status) ? null : text, copied);
}
