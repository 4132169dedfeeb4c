// Questions that the server asks during a call: forms, addresses to open, a model's answer by hand, roots.
import { button, make } from "./dom.js";
import { formOf } from "./forms.js";
import { json } from "./results.js";
import { gettext } from "./words.js";

// The user's answer to one question. Questions of a place are asked one after another.
export function ask(place, question) {
  const earlier = place.asking || Promise.resolve();
  place.asking = earlier.catch(() => {}).then(() => askOne(place, question));
  return place.asking;
}

async function askOne(place, { method, params = {} }) {
  place.status.textContent = gettext("You are asked something");
  try {
    return await answered(place, method, params);
  } finally {
    place.questions.replaceChildren();
    place.status.textContent = gettext("Working");
  }
}

function answered(place, method, params) {
  return new Promise((resolve, reject) => {
    const form = make("form", { "aria-label": gettext("Question") });
    const [parts, read] = questionOf(method, params);
    const refusals = method === "elicitation/create"
      ? [button(gettext("Decline"), () => resolve({ action: "decline" })), button(gettext("Cancel the question"), () => resolve({ action: "cancel" }))]
      : [button(gettext("Refuse"), () => reject(Object.assign(new Error("The user refused the request."), { code: -1 })))];
    form.append(...parts, make("div", { class: "buttons" }, make("button", { type: "submit", class: "go", text: gettext("Answer") }), ...refusals));
    form.addEventListener("submit", (event) => { event.preventDefault(); resolve(read()); });
    place.questions.replaceChildren(form);
    const first = form.querySelector("input, select, textarea, button");
    if (first) first.focus();
  });
}

function questionOf(method, params) {
  const said = make("p", { class: "text", text: params.message || "" });
  if (method === "elicitation/create" && params.mode === "url") {
    const isWeb = /^https?:\/\//i.test(params.url || "");
    const link = isWeb ? make("a", { href: params.url, target: "_blank", rel: "noopener noreferrer", text: params.url }) : make("code", { text: params.url });
    return [[said, make("p", {}, link)], () => ({ action: "accept" })];
  }
  if (method === "elicitation/create") {
    const form = formOf(params.requestedSchema);
    return [[said, form.element], () => ({ action: "accept", content: form.read() })];
  }
  if (method === "roots/list") {
    const items = { type: "string", format: "uri" };
    const roots = { type: "array", items, description: gettext("The folders that the server may use, such as file:///home/ada") };
    const form = formOf({ type: "object", properties: { roots }, required: ["roots"] });
    return [[form.element], () => ({ roots: form.read().roots.map((uri) => ({ uri })) })];
  }
  const answer = { type: "string", format: "textarea", description: gettext("Your answer in the place of a model's") };
  const form = formOf({ type: "object", properties: { answer }, required: ["answer"] });
  const reply = () => ({ role: "assistant", content: { type: "text", text: form.read().answer }, model: "a person", stopReason: "endTurn" });
  return [[make("p", { text: gettext("The server asks for a model's answer to this:") }), json(params), form.element], reply];
}
