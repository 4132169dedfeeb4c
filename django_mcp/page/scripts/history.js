// The calls of this tab, to edit and to make again. They are kept with the tab, and go with it.
import { data } from "./data.js";
import { button, make } from "./dom.js";
import { gettext, interpolate } from "./words.js";

const MAX_CALLS = 50;
const MAX_CHARACTERS = 100_000;
const PREFIX = `django-mcp-history:${data.path}:`;
const KEPT = `${PREFIX}${data.person}`;

// Somebody else may have signed in since, in the same tab.
try {
  for (const key of Object.keys(sessionStorage)) if (key.startsWith(PREFIX) && key !== KEPT) sessionStorage.removeItem(key);
} catch { /* There is nothing to forget. */ }

function read() {
  try {
    const found = JSON.parse(sessionStorage.getItem(KEPT));
    return Array.isArray(found) ? found : [];
  } catch {
    return [];
  }
}

function write(calls) {
  let text = JSON.stringify(calls);
  while (text.length > MAX_CHARACTERS && calls.length) {
    calls.pop();
    text = JSON.stringify(calls);
  }
  try {
    sessionStorage.setItem(KEPT, text);
  } catch { /* A browser that keeps nothing has no history. */ }
}

// The values that may be kept, without those that the server or the schema calls secret, however deep they are.
export function kept(definition, value, secrets = data.secrets[definition.name] || []) {
  if (Array.isArray(value)) return value.map((one) => kept(definition, one, secrets));
  if (value === null || typeof value !== "object") return value;
  const properties = definition.inputSchema?.properties || {};
  const isSecret = (name) => secrets.includes("*") || secrets.includes(name) || properties[name]?.format === "password" || properties[name]?.writeOnly === true;
  return Object.fromEntries(Object.entries(value).filter(([name]) => !isSecret(name)).map(([name, one]) => [name, kept(definition, one, secrets)]));
}

// Writes a call down, the newest first.
export function record(kind, definition, values, outcome) {
  const key = definition.uri || definition.uriTemplate || definition.name;
  write([{ kind, key, values: kept(definition, values), outcome, at: Date.now() }, ...read()].slice(0, MAX_CALLS));
  show();
}

let open = () => {};

// Shows the history; `edit` is given a call to put into its form, and `replay` one to make again.
export function begin(edit, replay) {
  open = (call, isReplay) => (isReplay ? replay(call) : edit(call));
  document.getElementById("forget")?.addEventListener("click", () => { write([]); show(); });
  show();
}

function row(call) {
  const { key, values, outcome, at } = call;
  const text = `${new Date(at).toLocaleTimeString()} · ${outcome}`;
  const labelled = (label) => ({ "aria-label": interpolate(gettext("%(action)s: %(name)s, %(time)s"), { action: label, name: key, time: new Date(at).toLocaleTimeString() }) });
  return make("li", {},
    make("div", { class: "past" }, make("code", { text: key }), make("span", { class: "soft", text }),
      button(gettext("Edit"), () => open(call, false), { class: "small", ...labelled(gettext("Edit")) }),
      button(gettext("Replay"), () => open(call, true), { class: "small", ...labelled(gettext("Replay")) })),
    make("code", { class: "soft cut", text: JSON.stringify(values).slice(0, 300) }));
}

function show() {
  const section = document.getElementById("history");
  if (!section) return;
  const calls = read();
  section.hidden = !calls.length;
  document.getElementById("past-calls").replaceChildren(...calls.map(row));
}
