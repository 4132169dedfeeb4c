// A call: what is said on its way, what is asked, what came of it, and how to go on where it failed.
import { request, problemsOf } from "./client.js";
import { data } from "./data.js";
import { button, make } from "./dom.js";
import { record } from "./history.js";
import { KINDS, isDestructive } from "./kinds.js";
import { ask } from "./questions.js";
import { show } from "./results.js";
import { gettext, interpolate } from "./words.js";

const MAX_NOTES = 200;
const MAX_NOTE_CHARACTERS = 1000;

export function makePlace() {
  const status = make("p", { class: "status", role: "status" });
  const bar = make("progress", { hidden: true, "aria-label": gettext("Progress") });
  const notes = make("pre", { hidden: true, tabindex: "0", role: "log", "aria-label": gettext("Log") });
  const questions = make("div");
  const body = make("div");
  return { status, bar, notes, questions, body, element: make("div", { class: "result", hidden: true }, status, bar, notes, questions, body) };
}

function hear(place, { method, params }) {
  if (method === "notifications/progress") {
    place.bar.hidden = false;
    if (params.total) { place.bar.max = params.total; place.bar.value = params.progress; }
    const { progress, total } = params;
    place.status.textContent = params.message || (total ? interpolate(gettext("Working: %(progress)s of %(total)s"), { progress, total }) : interpolate(gettext("Working: %(progress)s"), { progress }));
  } else {
    place.notes.hidden = false;
    if (place.notes.childElementCount >= MAX_NOTES) place.notes.firstElementChild.remove();
    const text = typeof params.data === "string" ? params.data : JSON.stringify(params.data);
    place.notes.append(make("div", { text: `${params.level}: ${String(text).slice(0, MAX_NOTE_CHARACTERS)}` }));
  }
}

function confirmed(text) {
  const dialog = document.getElementById("confirm");
  document.getElementById("confirm-text").textContent = text;
  dialog.returnValue = "no";
  dialog.showModal();
  return new Promise((resolve) => dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true }));
}

function clear(place) {
  place.element.hidden = false;
  place.status.classList.remove("error");
  place.status.textContent = gettext("Working");
  place.notes.replaceChildren();
  place.notes.hidden = place.bar.hidden = true;
  place.bar.removeAttribute("value");
  place.body.replaceChildren();
  place.questions.replaceChildren();
  place.asking = null;
}

// Calls, unless the arguments do not fit the schema, which is said first, or a person is to confirm and does not.
export async function call(kind, definition, values, place, buttons, { isChecked = true } = {}) {
  const problem = isChecked && kind === "tools" ? problemsOf(definition.inputSchema, values) : "";
  if (problem) {
    clear(place);
    place.status.classList.add("error");
    place.status.textContent = gettext("The arguments do not fit the schema. Nothing was sent.");
    const send = button(gettext("Send it all the same"), () => call(kind, definition, values, place, buttons, { isChecked: false }));
    place.body.replaceChildren(make("pre", { tabindex: "0", text: problem }), make("div", { class: "buttons" }, send));
    return;
  }
  const question = interpolate(gettext("%(name)s may change or destroy what is there. Call it?"), { name: definition.name });
  if (isDestructive(kind, definition) && values.dry_run !== true && !(await confirmed(question))) return;
  await send(kind, definition, values, place, buttons);
}

async function send(kind, definition, values, place, buttons) {
  const [method, params] = KINDS[kind].request(definition, values);
  const abort = new AbortController();
  const cancel = button(gettext("Cancel"), () => abort.abort());
  clear(place);
  buttons.append(cancel);
  for (const one of buttons.children) one.disabled = one !== cancel;
  const again = () => call(kind, definition, values, place, buttons, { isChecked: false });
  try {
    const handlers = { signal: abort.signal, definition, hear: (message) => hear(place, message), ask: (one) => ask(place, one) };
    // A question waits for the user, who may cancel instead.
    const cancelled = new Promise((_resolve, reject) => abort.signal.addEventListener("abort", () => reject(new Error("Cancelled"))));
    const outcome = await Promise.race([request(method, params, handlers), cancelled]);
    show(place, outcome, method, params);
    goOn(place, outcome, again);
  } catch (error) {
    place.questions.replaceChildren();
    place.status.classList.add("error");
    place.status.textContent = abort.signal.aborted ? gettext("Cancelled")
      : interpolate(gettext("The server could not be reached, or did not answer: %(reason)s"), { reason: error.message });
    if (!abort.signal.aborted) place.body.replaceChildren(make("div", { class: "buttons" }, button(gettext("Try again"), again)));
  } finally {
    place.bar.hidden = true;
    cancel.remove();
    for (const one of buttons.children) one.disabled = false;
    record(kind, definition, values, place.status.textContent);
  }
}

// Where a person can put right what failed: the words, and a button.
function goOn(place, { status, reply }, again) {
  if (status === 404 && !reply?.result) {
    place.body.prepend(make("p", { text: gettext("The session has ended on the server: it expired, or somebody ended it.") }),
      make("div", { class: "buttons" }, button(gettext("Call again in a new session"), again)));
  } else if (status === 401 || status === 403) {
    const text = gettext("You may have been signed out, or may not do this.");
    const link = data.signInUrl ? make("a", { class: "button", href: data.signInUrl, text: gettext("Sign in") }) : null;
    place.body.append(make("p", { text }), make("div", { class: "buttons" }, link, button(gettext("Reload the page"), () => location.reload())));
  } else if (status === 429 || status >= 500) {
    place.body.append(make("div", { class: "buttons" }, button(gettext("Try again"), again)));
  }
}
