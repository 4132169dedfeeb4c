// Answers as people read them. Everything is text: nothing that a server sends becomes markup, and links are only shown.

import { button, copyFrom, lazily, make } from "./dom.js";
import { curl, python } from "./copies.js";
import { gettext, interpolate } from "./words.js";

const MAX_CHARACTERS = 100000;
const MAX_ENTRIES = 100;
const MAX_DEPTH = 40;

export function textOf(text) {
  const whole = String(text);
  const pre = make("pre", { text: whole.slice(0, MAX_CHARACTERS), tabindex: "0" });
  if (whole.length <= MAX_CHARACTERS) return pre;
  return make("div", {}, pre, make("p", { class: "soft", text: interpolate(gettext("Cut: %(count)s more characters are not shown."), { count: whole.length - MAX_CHARACTERS }) }));
}

export function json(value) {
  return textOf(JSON.stringify(value, null, 2));
}

export function copyable(label, text) {
  const said = make("span", { role: "status", class: "soft" });
  const whole = make("pre", { text, tabindex: "0" });
  const copy = async () => { said.textContent = (await copyFrom(whole)) ? gettext("Copied") : gettext("Copy what is marked"); };
  return make("div", {}, make("h4", { text: label }), whole, button(gettext("Copy"), copy, { "aria-label": interpolate(gettext("Copy: %(label)s"), { label }) }), said);
}

// A value as a tree, whose branches are made when they are opened.
function tree(value, name = "", depth = 0) {
  const prefix = name === "" ? "" : `${name}: `;
  if (value === null || typeof value !== "object") return make("div", { text: prefix + JSON.stringify(value)?.slice(0, MAX_CHARACTERS) });
  const entries = Object.entries(value);
  const kind = Array.isArray(value) ? interpolate(gettext("list of %(count)s"), { count: entries.length }) : interpolate(gettext("object of %(count)s"), { count: entries.length });
  const branch = make("details", {}, make("summary", { text: prefix + kind }));
  const grow = () => {
    if (branch.childElementCount > 1) return;
    if (depth >= MAX_DEPTH) return branch.append(make("div", { class: "soft", text: gettext("Deeper than is shown") }));
    branch.append(...entries.slice(0, MAX_ENTRIES).map(([key, one]) => tree(one, key, depth + 1)));
    if (entries.length > MAX_ENTRIES) branch.append(make("div", { class: "soft", text: notShown(entries.length - MAX_ENTRIES) }));
  };
  branch.addEventListener("toggle", grow);
  if (depth === 0) { branch.open = true; grow(); }
  return branch;
}

function isRow(value) {
  return value !== null && typeof value === "object" && !Array.isArray(value) && Object.keys(value).length <= 20;
}

function table(rows) {
  const columns = [...new Set(rows.slice(0, MAX_ENTRIES).flatMap(Object.keys))].slice(0, 20);
  const cell = (value) => make("td", { text: (value === undefined ? "" : typeof value === "string" ? value : JSON.stringify(value)).slice(0, 300) });
  const head = make("tr", {}, ...columns.map((name) => make("th", { scope: "col", text: name })));
  const body = rows.slice(0, MAX_ENTRIES).map((row) => make("tr", {}, ...columns.map((name) => cell(row[name]))));
  const left = rows.length - body.length;
  const shown = make("div", { class: "wide", tabindex: "0", role: "region", "aria-label": gettext("Table") }, make("table", {}, make("thead", {}, head), make("tbody", {}, ...body)));
  return left > 0 ? make("div", {}, shown, make("p", { class: "soft", text: notShown(left) })) : shown;
}

function structured(value) {
  const keys = Object.keys(value || {});
  const inner = keys.length === 1 && Array.isArray(value[keys[0]]) ? value[keys[0]] : value;
  const rows = Array.isArray(inner) && inner.length && inner.every(isRow) ? table(inner) : null;
  const branches = () => [make("div", { class: "tree" }, tree(value))];
  return make("div", {}, make("h4", { text: gettext("Structured content") }), ...(rows ? [rows, lazily(gettext("As a tree"), branches)] : branches()));
}

function media(block) {
  const source = `data:${block.mimeType};base64,${block.data}`;
  if (/^image\/[\w.+-]+$/.test(block.mimeType)) return make("img", { class: "shown", src: source, alt: interpolate(gettext("Image, %(type)s"), { type: block.mimeType }) });
  if (/^audio\/[\w.+-]+$/.test(block.mimeType)) return make("audio", { controls: true, src: source });
  return make("p", { text: interpolate(gettext("%(type)s, %(count)s characters of Base64"), { type: block.mimeType, count: String(block.data).length }) });
}

function resource(contents) {
  const head = make("p", { class: "soft", text: [contents.uri, contents.mimeType].filter(Boolean).join(" · ") });
  const kind = contents.mimeType || "";
  const body = contents.text !== undefined ? textOf(contents.text) : media({ mimeType: kind || "data", data: contents.blob || "" });
  return make("div", {}, head, body);
}

function block(one) {
  switch (one && one.type) {
    case "text": return textOf(one.text);
    case "image": case "audio": return media(one);
    case "resource": return resource(one.resource || {});
    case "resource_link": return make("p", { text: interpolate(gettext("Link: %(name)s %(uri)s"), { name: one.name || "", uri: one.uri }) });
  }
  return json(one);
}

function many(values, show) {
  const shown = values.slice(0, MAX_ENTRIES).map(show);
  if (values.length > MAX_ENTRIES) shown.push(make("p", { class: "soft", text: notShown(values.length - MAX_ENTRIES) }));
  return shown;
}

// The content of a result, whichever method it is of.
function content(result) {
  const parts = [];
  if (Array.isArray(result.messages)) parts.push(...many(result.messages, (one) => make("div", {}, make("h4", { text: one.role }), block(one.content))));
  if (Array.isArray(result.contents)) parts.push(...many(result.contents, resource));
  if (result.structuredContent !== undefined) parts.push(structured(result.structuredContent));
  const blocks = () => many(result.content, block);
  if (Array.isArray(result.content)) parts.push(...(parts.length ? [lazily(gettext("Content, as a model reads it"), blocks)] : blocks()));
  return parts.length ? parts : [json(result)];
}

function notShown(count) {
  return interpolate(gettext("%(count)s more are not shown"), { count });
}

// How a call went and how long it took, and whether that is bad.
function verdict({ exchanges, reply, status }) {
  const { milliseconds: ended, received } = exchanges.at(-1);
  const milliseconds = received.at(-1)?.milliseconds ?? ended;
  if (!reply || reply.error) return [interpolate(gettext("Error %(code)s in %(milliseconds)s ms"), { code: reply ? reply.error.code : status, milliseconds }), true];
  if (reply.result?.isError) return [interpolate(gettext("The tool failed in %(milliseconds)s ms"), { milliseconds }), true];
  return [interpolate(gettext("Done in %(milliseconds)s ms"), { milliseconds }), false];
}

function headersOf(headers) {
  return textOf(Object.entries(headers || {}).map(([name, value]) => `${name}: ${value}`).join("\n"));
}

// An exchange over the wire: what was sent and received, with headers, times and sizes.
export function wireOf(exchange) {
  const { message, method, headers, answerHeaders, received, status, milliseconds, bytes, sentSize } = exchange;
  const answers = received.flatMap((one) => [
    make("p", { class: "soft", text: interpolate(gettext("after %(milliseconds)s ms, %(size)s characters"), one) }), json(one.message)]);
  return make("div", {},
    make("h4", { text: interpolate(gettext("Sent (%(method)s, %(size)s characters)"), { method, size: sentSize }) }), message ? json(message) : null,
    lazily(gettext("Headers that were sent"), () => [headersOf(headers)]),
    make("h4", { text: interpolate(gettext("Received (HTTP %(status)s, %(size)s characters, %(milliseconds)s ms)"), { status: status || "–", size: bytes, milliseconds: milliseconds ?? "…" }) }),
    ...answers, exchange.left ? make("p", { class: "soft", text: notShown(exchange.left) }) : null,
    exchange.failure ? make("p", { class: "error", text: exchange.failure }) : null,
    lazily(gettext("Headers that were received"), () => [headersOf(answerHeaders)]),
    message ? copyable(gettext("The same with curl, by the credentials that you add"), curl(exchange)) : null);
}

// Shows what came of a call: `{exchanges, reply, status, complaint}`, and what was asked for.
export function show(place, outcome, method, params) {
  const [text, isError] = verdict(outcome);
  const { reply, exchanges, complaint, status } = outcome;
  const body = [];
  if (!reply) body.push(make("p", { text: interpolate(gettext("The server answered %(status)s, and nothing more."), { status }) }));
  else if (reply.error) body.push(textOf(reply.error.message), reply.error.data === undefined ? null : json(reply.error.data));
  else body.push(...content(reply.result));
  if (complaint && reply?.result) body.unshift(make("p", { class: "note", text: interpolate(gettext("The official client does not accept this answer: %(reason)s"), { reason: complaint.message }) }));
  place.status.textContent = text;
  place.status.classList.toggle("error", isError);
  place.body.replaceChildren(...body.filter(Boolean),
    lazily(gettext("Messages"), () => exchanges.map(wireOf)),
    lazily(gettext("The same in Python"), () => [copyable(gettext("With the official client (pip install mcp), by the credentials that you add"), python(method, params))]));
}
