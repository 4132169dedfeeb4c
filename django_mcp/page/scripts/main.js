// The page: the search, and for each primitive that is opened, its form and what became of a call.
import { request, watch } from "./client.js";
import { call, makePlace } from "./calls.js";
import { data } from "./data.js";
import { button, lazily, make } from "./dom.js";
import { formOf } from "./forms.js";
import { begin, kept } from "./history.js";
import { KINDS, expand } from "./kinds.js";
import { showConnection, showCopies, showDrawer } from "./panels.js";
import { portabilityOf } from "./portability.js";
import { copyable, json } from "./results.js";
import { gettext, interpolate } from "./words.js";

const MAX_UPDATES = 20;
const PARAMETERS = { tools: "tool", resources: "resource", resourceTemplates: "template", prompts: "prompt" };
const built = new WeakMap();

// Suggestions while an argument is written.
function complete(fields, ref) {
  for (const [name, one] of Object.entries(fields)) {
    if (!one.input) continue;
    const list = make("datalist", { id: `${one.input.id}-list` });
    one.input.setAttribute("list", list.id);
    one.input.after(list);
    let waiting = null;
    one.input.addEventListener("input", () => {
      clearTimeout(waiting);
      waiting = setTimeout(() => suggest(list, ref, name, one.input.value, fields), 200);
    });
  }
}

async function suggest(list, ref, name, value, fields) {
  const others = Object.entries(fields).map(([other, one]) => [other, one.read()]).filter(([other, given]) => other !== name && given !== undefined);
  const params = { ref, argument: { name, value }, context: { arguments: Object.fromEntries(others) } };
  try {
    const { reply } = await request("completion/complete", params, { hear: () => {}, ask: () => ({}) });
    const values = reply?.result ? reply.result.completion.values : [];
    list.replaceChildren(...values.map((one) => make("option", { value: one })));
  } catch { /* No suggestions: the argument can be written all the same. */ }
}

// A schema that no form can be made of is left to the JSON editor, and to the server.
function formFor(schema) {
  try {
    return formOf(schema);
  } catch {
    return formOf({});
  }
}

// A button that subscribes to a resource, and the list of its updates.
function subscription(uriOf, read) {
  let leave = null;
  const said = make("p", { role: "status", class: "soft" });
  const updates = make("ol", { class: "updates", "aria-label": gettext("Updates"), reversed: true });
  const end = (text) => { leave = null; toggle.textContent = gettext("Subscribe"); toggle.setAttribute("aria-pressed", "false"); said.textContent = text; };
  const updated = () => {
    updates.prepend(make("li", { text: interpolate(gettext("Updated at %(time)s"), { time: new Date().toLocaleTimeString() }) }));
    while (updates.childElementCount > MAX_UPDATES) updates.lastElementChild.remove();
    read();
  };
  const toggle = button(gettext("Subscribe"), async () => {
    if (leave) {
      const leaving = leave;
      end(gettext("Not subscribed any more"));
      return leaving();
    }
    const uri = uriOf();
    if (!uri) return undefined;
    said.textContent = gettext("Subscribing");
    try {
      leave = await watch(uri, updated, () => end(gettext("The server has ended the subscription. Subscribe again to go on.")));
      toggle.textContent = gettext("Unsubscribe");
      toggle.setAttribute("aria-pressed", "true");
      said.textContent = interpolate(gettext("Subscribed to %(uri)s: updates are shown as they come"), { uri });
    } catch (error) {
      said.textContent = interpolate(gettext("Subscribing failed: %(reason)s"), { reason: error.message });
    }
    return undefined;
  }, { "aria-pressed": "false" });
  return { toggle, element: make("div", {}, said, updates) };
}

// A schema whose secret arguments are written unseen.
function markSecrets(schema, secrets) {
  const entries = Object.entries(schema.properties || {}).map(([name, one]) =>
    [name, secrets.includes("*") || secrets.includes(name) ? { ...one, ...(one.type === "string" ? { format: "password" } : {}) } : one]);
  return secrets.length ? { ...schema, properties: Object.fromEntries(entries) } : schema;
}

function hintsOf(kind, definition) {
  const hints = kind === "tools" ? portabilityOf(definition) : [];
  if (!hints.length) return null;
  return make("div", { class: "portability" }, make("p", { class: "soft", text: gettext("Not every client or model reads all of this tool:") }),
    make("ul", {}, ...hints.map((text) => make("li", { text }))));
}

function linkOf(kind, key, values) {
  const args = Object.keys(values).length ? `&args=${encodeURIComponent(JSON.stringify(values))}` : "";
  return `${location.href.split("#")[0]}#${PARAMETERS[kind]}=${encodeURIComponent(key)}${args}`;
}

function build(entry) {
  const { kind, key } = entry.dataset;
  const definition = data.definitions[kind][key];
  const own = KINDS[kind];
  const body = entry.querySelector(".body");
  body.append(...[hintsOf(kind, definition), lazily(gettext("Definition, as a model is sent it"), () => [json(definition)])].filter(Boolean));
  const schema = own.schema(definition);
  const fields = formFor(markSecrets(schema, data.secrets[key] || []));
  const place = makePlace();
  const hasFields = Object.keys(fields.fields).length > 0;
  const send = make("button", { type: "submit", class: "go", text: own.verb });
  const buttons = make("div", { class: "buttons" }, send);
  const form = make("form", { "aria-label": `${own.verb} ${key}` }, fields.element, buttons);
  const start = (extra = {}) => { if (form.reportValidity()) call(kind, definition, { ...fields.read(), ...extra }, place, buttons); };
  form.addEventListener("submit", (event) => { event.preventDefault(); start(); });
  // Looking as somebody else is looking alone: the form shows what they would be asked.
  if (data.lookingAs) send.remove();
  if (!data.lookingAs && kind === "tools" && schema.properties?.dry_run) buttons.append(button(gettext("Dry run"), () => start({ dry_run: true })));
  if (hasFields || kind === "tools") buttons.append(fields.toggle);
  if (own.ref && data.capabilities.completions && !data.lookingAs) complete(fields.fields, own.ref(definition));
  body.append(form);
  if (kind.startsWith("resource") && data.streams && !data.lookingAs) {
    const uriOf = () => (kind === "resources" ? key : form.reportValidity() && expand(key, fields.read()));
    const subscribed = subscription(uriOf, () => call(kind, definition, fields.read(), place, buttons));
    buttons.append(subscribed.toggle);
    body.append(subscribed.element);
  }
  body.append(lazily(gettext("A link to this form"), () => [copyable(gettext("It fills the form in, and calls nothing"), linkOf(kind, key, kept(definition, fields.read())))]));
  body.append(place.element);
  return { fields, start };
}

function opened(entry) {
  if (!built.has(entry)) built.set(entry, build(entry));
  return built.get(entry);
}

function search(text) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  let count = 0;
  for (const entry of document.querySelectorAll(".entry")) {
    entry.hidden = !words.every((word) => entry.dataset.text.includes(word));
    count += !entry.hidden;
  }
  for (const group of document.querySelectorAll(".group, .kind")) group.hidden = !group.querySelector(".entry:not([hidden])");
  document.getElementById("found").textContent = words.length ? interpolate(gettext("%(count)s found"), { count }) : "";
}

// Opens a primitive's form with arguments in it, and returns the form.
function openWith(kind, key, values) {
  const entry = document.querySelector(`.entry[data-kind="${kind}"][data-key="${CSS.escape(key)}"]`);
  if (!entry) return null;
  const form = opened(entry);
  entry.open = true;
  entry.hidden = false;
  if (values) form.fields.write(values);
  entry.scrollIntoView();
  entry.querySelector("summary").focus();
  return form;
}

// A link to a primitive with arguments: #tool=search&args={…}. It fills the form in, and calls nothing.
function followLink() {
  const asked = new URLSearchParams(location.hash.slice(1));
  for (const kind of Object.keys(KINDS)) {
    const key = asked.get(PARAMETERS[kind]) ?? asked.get(kind);
    if (key === null) continue;
    let values = null;
    try {
      values = JSON.parse(asked.get("args"));
    } catch { /* A link that was cut on its way opens the form alone. */ }
    openWith(kind, key, values && typeof values === "object" ? values : null);
  }
}

for (const entry of document.querySelectorAll(".entry")) {
  entry.dataset.text = entry.textContent.toLowerCase();
  entry.addEventListener("toggle", () => { if (entry.open) opened(entry); });
}
const box = document.getElementById("search");
if (box) box.addEventListener("input", () => search(box.value));
showConnection();
showDrawer();
showCopies();
begin(({ kind, key, values }) => openWith(kind, key, values), ({ kind, key, values }) => openWith(kind, key, values)?.start());
addEventListener("hashchange", followLink);
followLink();
