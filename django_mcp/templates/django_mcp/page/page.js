"use strict";
// The page: the search, and for each primitive that is opened, its form and what became of a call.
(() => {
  const { make, button, formOf } = Forms;
  const { definitions } = MCP.data;
  const MAX_NOTES = 200;

  const KINDS = {
    tools: { verb: "Call", schema: (one) => one.inputSchema, request: (one, values) => ["tools/call", { name: one.name, arguments: values }] },
    prompts: { verb: "Get", schema: promptSchema, request: (one, values) => ["prompts/get", { name: one.name, arguments: values }], ref: (one) => ({ type: "ref/prompt", name: one.name }) },
    resources: { verb: "Read", schema: () => ({}), request: (one) => ["resources/read", { uri: one.uri }] },
    resourceTemplates: { verb: "Read", schema: templateSchema, request: (one, values) => ["resources/read", { uri: expand(one.uriTemplate, values) }], ref: (one) => ({ type: "ref/resource", uri: one.uriTemplate }) },
  };

  function promptSchema(definition) {
    const given = definition.arguments || [];
    const entries = given.map((one) => [one.name, { type: "string", title: one.title, description: one.description }]);
    return { type: "object", properties: Object.fromEntries(entries), required: given.filter((one) => one.required).map((one) => one.name) };
  }

  const EXPRESSION = /\{([+#./;?&]?)([^{}]+)\}/g;

  function templateSchema(definition) {
    const found = [...definition.uriTemplate.matchAll(EXPRESSION)].flatMap(([, operator, names]) =>
      names.split(",").map((name) => ({ name: name.replace(/[*:].*$/, ""), isOptional: "?&".includes(operator) && operator !== "" })));
    const properties = Object.fromEntries(found.map(({ name }) => [name, { type: "string" }]));
    return { type: "object", properties, required: found.filter((one) => !one.isOptional).map((one) => one.name) };
  }

  // RFC 6570, as far as templates of resources go.
  function expand(template, values) {
    return template.replace(EXPRESSION, (_all, operator, names) => {
      const encode = (text) => ("+#".includes(operator) && operator ? encodeURI(text) : encodeURIComponent(text));
      const given = names.split(",").map((name) => name.replace(/[*:].*$/, "")).filter((name) => values[name] !== undefined);
      if (!given.length) return "";
      const isNamed = [";", "?", "&"].includes(operator);
      const parts = given.map((name) => (isNamed ? `${name}=${encode(values[name])}` : encode(values[name])));
      const between = { "": ",", "+": ",", "#": ",", "?": "&" }[operator] ?? operator;
      return ("+".includes(operator) ? "" : operator) + parts.join(between);
    });
  }

  function confirmed(text) {
    const dialog = document.getElementById("confirm");
    document.getElementById("confirm-text").textContent = text;
    dialog.returnValue = "no";
    dialog.showModal();
    return new Promise((resolve) => dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true }));
  }

  function isDestructive(kind, definition) {
    const hints = definition.annotations || {};
    return kind === "tools" && !hints.readOnlyHint && hints.destructiveHint !== false;
  }

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
      const [exchange] = await MCP.request("completion/complete", params, { hear: () => {}, ask: () => ({}) });
      const values = exchange.reply.result ? exchange.reply.result.completion.values : [];
      list.replaceChildren(...values.map((one) => make("option", { value: one })));
    } catch { /* No suggestions: the argument can be written all the same. */ }
  }

  // The place of a call: what it says on its way, what it asks, and what came of it.
  function makePlace() {
    const status = make("p", { class: "status", role: "status" });
    const bar = make("progress", { hidden: true, "aria-label": "Progress" });
    const notes = make("pre", { hidden: true, tabindex: "0", "aria-label": "Log" });
    const questions = make("div");
    const body = make("div");
    return { status, bar, notes, questions, body, element: make("div", { class: "result", hidden: true }, status, bar, notes, questions, body) };
  }

  function hear(place, { method, params }) {
    if (method === "notifications/progress") {
      place.bar.hidden = false;
      if (params.total) { place.bar.max = params.total; place.bar.value = params.progress; }
      place.status.textContent = params.message || `Working: ${params.progress}${params.total ? ` of ${params.total}` : ""}`;
    } else if (method === "notifications/message") {
      place.notes.hidden = false;
      if (place.notes.childElementCount >= MAX_NOTES) place.notes.firstElementChild.remove();
      const text = typeof params.data === "string" ? params.data : JSON.stringify(params.data);
      place.notes.append(make("div", { text: `${params.level}: ${String(text).slice(0, 1000)}` }));
    }
  }

  // The user's answers to questions, by key.
  function ask(place, requests) {
    place.asking = (place.asking || Promise.resolve()).then(() => askInTurn(place, requests));
    return place.asking;
  }

  async function askInTurn(place, requests) {
    place.status.textContent = "You are asked something";
    const answers = {};
    for (const [key, request] of Object.entries(requests)) answers[key] = await askOne(place, request);
    place.status.textContent = "Working";
    return answers;
  }

  function askOne(place, { method, params = {} }) {
    return new Promise((resolve) => {
      const done = (result) => { place.questions.replaceChildren(); resolve(result); };
      const form = make("form");
      const [parts, read] = questionOf(method, params);
      const refusals = method === "elicitation/create"
        ? [button("Decline", () => done({ action: "decline" })), button("Cancel", () => done({ action: "cancel" }))] : [];
      form.append(...parts, make("div", { class: "buttons" }, make("button", { type: "submit", class: "go", text: "Answer" }), ...refusals));
      form.addEventListener("submit", (event) => { event.preventDefault(); done(read()); });
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
      const form = formOf({ type: "object", properties: { roots: { type: "array", items: { type: "string", format: "uri" }, description: "The folders that the server may use, such as file:///home/ada" } }, required: ["roots"] });
      return [[form.element], () => ({ roots: form.read().roots.map((uri) => ({ uri })) })];
    }
    const form = formOf({ type: "object", properties: { answer: { type: "string", format: "textarea", description: "Your answer in the place of a model's" } }, required: ["answer"] });
    const reply = () => ({ role: "assistant", content: { type: "text", text: form.read().answer }, model: "a person", stopReason: "endTurn" });
    return [[Results.json(params), form.element], reply];
  }

  async function run(kind, definition, values, place, buttons) {
    const [method, params] = KINDS[kind].request(definition, values);
    const isTried = values.dry_run === true;
    if (isDestructive(kind, definition) && !isTried && !(await confirmed(`${definition.name} may change or destroy what is there. Call it?`))) return;
    const abort = new AbortController();
    const cancel = button("Cancel", () => abort.abort());
    buttons.append(cancel);
    place.element.hidden = false;
    place.status.classList.remove("error");
    place.status.textContent = "Working";
    place.notes.replaceChildren();
    place.notes.hidden = place.bar.hidden = true;
    place.bar.removeAttribute("value");
    place.body.replaceChildren();
    place.questions.replaceChildren();
    place.asking = null;
    for (const one of buttons.children) one.disabled = one !== cancel;
    try {
      const handlers = { signal: abort.signal, hear: (message) => hear(place, message), ask: (requests) => ask(place, requests) };
      // A question waits for the user, who may cancel instead.
      const cancelled = new Promise((_resolve, reject) => abort.signal.addEventListener("abort", () => reject(new Error("Cancelled"))));
      Results.show(place, await Promise.race([MCP.request(method, params, handlers), cancelled]));
    } catch (error) {
      place.questions.replaceChildren();
      place.status.classList.add("error");
      place.status.textContent = abort.signal.aborted ? "Cancelled" : `The server could not be reached, or did not answer: ${error.message}. Try again, or reload the page.`;
    } finally {
      place.bar.hidden = true;
      cancel.remove();
      for (const one of buttons.children) one.disabled = false;
    }
  }

  // A schema that no form can be made of is left to the JSON editor, and to the server.
  function formFor(schema) {
    try {
      return formOf(schema);
    } catch {
      return formOf({});
    }
  }

  function build(entry) {
    const { kind, key } = entry.dataset;
    const definition = definitions[kind][key];
    const own = KINDS[kind];
    const schema = own.schema(definition);
    const fields = formFor(schema);
    const place = makePlace();
    const hasFields = Object.keys(fields.fields).length > 0;
    const send = make("button", { type: "submit", class: "go", text: own.verb });
    const buttons = make("div", { class: "buttons" }, send);
    const form = make("form", { "aria-label": `${own.verb} ${key}` }, fields.element, buttons);
    const start = (extra) => { if (form.reportValidity()) run(kind, definition, { ...fields.read(), ...extra }, place, buttons); };
    if (kind === "tools" && schema.properties && schema.properties.dry_run) buttons.append(button("Dry run", () => start({ dry_run: true })));
    if (hasFields || kind === "tools") buttons.append(fields.toggle);
    form.addEventListener("submit", (event) => { event.preventDefault(); start({}); });
    if (own.ref && MCP.data.capabilities.completions) complete(fields.fields, own.ref(definition));
    entry.querySelector(".body").append(
      Results.lazily("Definition, as a model is sent it", () => [Results.json(definition)]), form, place.element);
    return fields;
  }

  const built = new WeakMap();

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
    document.getElementById("found").textContent = words.length ? `${count} found` : "";
  }

  // A link to a primitive with arguments: #tools=search&args={…}. It fills the form in, and calls nothing.
  function follow() {
    const asked = new URLSearchParams(location.hash.slice(1));
    for (const kind of Object.keys(KINDS)) {
      const entry = asked.has(kind) && document.querySelector(`.entry[data-kind="${kind}"][data-key="${CSS.escape(asked.get(kind))}"]`);
      if (!entry) continue;
      const fields = opened(entry);
      entry.open = true;
      try {
        if (asked.get("args")) fields.write(JSON.parse(asked.get("args")));
      } catch { /* A link that was cut on its way opens the form alone. */ }
      entry.scrollIntoView();
      entry.querySelector("summary").focus();
    }
  }

  for (const entry of document.querySelectorAll(".entry")) {
    entry.dataset.text = entry.textContent.toLowerCase();
    entry.addEventListener("toggle", () => { if (entry.open) opened(entry); });
  }
  const box = document.getElementById("search");
  if (box) box.addEventListener("input", () => search(box.value));
  addEventListener("hashchange", follow);
  follow();
})();
