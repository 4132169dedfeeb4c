"use strict";
// The part of an app that talks with its host (ext-apps 2026-01-26), as window.mcp. docs/apps.md is its page.
(() => {
  const info = JSON.parse(document.currentScript.dataset.mcpApp);
  const PROTOCOL = "2026-01-26";
  const CALL_MILLISECONDS = 60000;
  const TYPING_MILLISECONDS = 250;
  const root = document.documentElement;
  const waiting = new Map();
  const heard = { input: [], result: [], cancelled: [], context: [] };
  const latest = {};
  let lastId = 0;

  const send = (message) => window.parent.postMessage({ jsonrpc: "2.0", ...message }, "*");

  function request(method, params = {}, milliseconds = CALL_MILLISECONDS) {
    return new Promise((resolve, reject) => {
      const id = ++lastId;
      const end = () => reject(new Error("The host does not answer."));
      const timer = Number.isFinite(milliseconds) ? setTimeout(() => { waiting.delete(id); end(); }, milliseconds) : 0;
      waiting.set(id, { resolve, reject, timer });
      send({ id, method, params });
    });
  }

  function settle(message) {
    const call = waiting.get(message.id);
    if (!call) return;
    waiting.delete(message.id);
    clearTimeout(call.timer);
    if (message.error) call.reject(Object.assign(new Error(message.error.message), { code: message.error.code }));
    else call.resolve(message.result);
  }

  function tell(kind, value) {
    latest[kind] = { value };
    for (const listener of heard[kind]) listener(value);
  }

  function on(kind, listener) {
    heard[kind].push(listener);
    if (latest[kind]) listener(latest[kind].value);
  }

  function receive(message) {
    const params = message.params || {};
    switch (message.method) {
      case "ui/notifications/tool-input": return tell("input", params.arguments || {});
      case "ui/notifications/tool-result": return show(params);
      case "ui/notifications/tool-cancelled": return tell("cancelled", params);
      case "ui/notifications/host-context-changed": return applyContext(params);
      case "ui/resource-teardown":
      case "ping": return send({ id: message.id, result: {} });
    }
    if (message.id !== undefined) send({ id: message.id, error: { code: -32601, message: "Method not found" } });
  }

  function show(result) {
    const html = (result.structuredContent || {}).html;
    if (typeof html === "string") for (const element of document.querySelectorAll("[data-mcp-result]")) element.innerHTML = html;
    tell("result", result);
  }

  function applyContext(changes) {
    mcp.context = { ...mcp.context, ...changes };
    const { theme, styles } = changes;
    if (theme) {
      root.dataset.theme = theme;
      root.style.colorScheme = theme;
    }
    for (const [name, value] of Object.entries((styles && styles.variables) || {})) {
      if (name.startsWith("--") && typeof value === "string") root.style.setProperty(name, value);
    }
    if (styles && styles.css && styles.css.fonts) {
      const style = document.getElementById("mcp-fonts") || document.head.appendChild(document.createElement("style"));
      style.id = "mcp-fonts";
      style.textContent = styles.css.fonts;
    }
    tell("context", mcp.context);
  }

  // The document's own height, whatever height the frame has now.
  function watchSize() {
    let sent = "";
    let planned = false;
    const measure = () => {
      planned = false;
      const { height, overflow } = root.style;
      root.style.height = "max-content";
      // As it is without a scrollbar: a narrower document may be lower, and would keep the scrollbar for ever.
      root.style.overflow = "hidden";
      const size = { width: Math.ceil(window.innerWidth), height: Math.ceil(root.getBoundingClientRect().height) };
      Object.assign(root.style, { height, overflow });
      if (sent === (sent = JSON.stringify(size))) return;
      send({ method: "ui/notifications/size-changed", params: size });
    };
    const plan = () => {
      if (!planned) requestAnimationFrame(measure);
      planned = true;
    };
    const observer = new ResizeObserver(plan);
    observer.observe(root);
    observer.observe(document.body);
    plan();
  }

  function errorList(errors) {
    const list = document.createElement("ul");
    list.className = "errorlist";
    list.setAttribute("role", "alert");
    for (const text of errors) list.appendChild(document.createElement("li")).textContent = text;
    return list;
  }

  function clearErrors(form) {
    for (const list of form.querySelectorAll(".errorlist")) list.remove();
    for (const field of form.querySelectorAll("[aria-invalid]")) field.removeAttribute("aria-invalid");
  }

  // The first control of a field; a field of several inputs has its name and a suffix.
  function controlOf(form, name) {
    const controls = [...form.elements];
    return controls.find((one) => one.name === name) || controls.find((one) => one.name.startsWith(`${name}_`));
  }

  function showErrors(form, errors) {
    let first = null;
    for (const [name, texts] of Object.entries(errors)) {
      const control = name === "__all__" ? null : controlOf(form, name);
      const list = errorList(texts);
      if (!control || control.type === "hidden") {
        form.prepend(list);
        continue;
      }
      control.before(list);
      control.setAttribute("aria-invalid", "true");
      first = first || control;
    }
    if (first) first.focus();
  }

  function valuesOf(form) {
    const values = {};
    for (const [name, value] of new FormData(form)) {
      if (typeof value !== "string") continue;
      const controls = [...form.elements].filter((one) => one.name === name);
      const several = controls.some((one) => one.multiple || (one.type === "checkbox" && controls.length > 1));
      values[name] = several ? [...(values[name] || []), value] : value;
    }
    return values;
  }

  const textOf = (result) => (result.content || []).filter((one) => one.type === "text").map((one) => one.text).join("\n");

  function place(element, result) {
    const html = (result.structuredContent || {}).html;
    if (element.dataset.mcpTarget && typeof html === "string") document.querySelector(element.dataset.mcpTarget).innerHTML = html;
  }

  // Calls the tool of a form or an element. Only the answer to the latest call is shown.
  async function run(element, checked = true) {
    const isForm = element instanceof HTMLFormElement;
    if (isForm && checked && !element.noValidate && !element.reportValidity()) return;
    const args = { ...JSON.parse(element.dataset.mcpArgs || "{}"), ...(isForm ? valuesOf(element) : {}) };
    const turn = (element.mcpTurn = (element.mcpTurn || 0) + 1);
    element.setAttribute("aria-busy", "true");
    let result;
    try {
      result = await mcp.callTool(element.dataset.mcpTool, args);
    } catch (error) {
      result = { isError: true, content: [{ type: "text", text: error.message }] };
    }
    if (turn !== element.mcpTurn) return;
    element.removeAttribute("aria-busy");
    if (isForm) clearErrors(element);
    const errors = result.isError ? { __all__: [textOf(result)] } : (result.structuredContent || {}).errors || {};
    const failed = Object.keys(errors).length > 0;
    if (failed && isForm) showErrors(element, errors);
    if (!failed) place(element, result);
    if (!failed && isForm && "mcpReset" in element.dataset) element.reset();
    element.dispatchEvent(new CustomEvent(failed ? "mcp:errors" : "mcp:done", { bubbles: true, detail: { result, errors } }));
  }

  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[href]");
    if (link && /^https?:/.test(link.getAttribute("href"))) {
      event.preventDefault();
      mcp.openLink(link.href).catch(() => {});
      return;
    }
    // A sandbox without forms sends no "submit", but the button is pressed all the same, by Enter too.
    const button = event.target.closest("button, input[type=submit], input[type=image]");
    const form = button && button.form;
    if (form && form.dataset.mcpTool && button.type !== "button" && button.type !== "reset") {
      event.preventDefault();
      run(form);
      return;
    }
    const element = event.target.closest("[data-mcp-tool]");
    if (element && !(element instanceof HTMLFormElement)) run(element);
  });
  document.addEventListener("submit", (event) => {
    if (!event.target.dataset.mcpTool) return;
    event.preventDefault();
    run(event.target);
  });
  document.addEventListener("input", (event) => {
    const form = event.target.form;
    if (!form || form.dataset.mcpOn !== "input") return;
    clearTimeout(form.mcpTimer);
    form.mcpTimer = setTimeout(() => run(form, false), TYPING_MILLISECONDS);
  });

  const mcp = {
    context: {},
    host: {},
    onInput: (listener) => on("input", listener),
    onResult: (listener) => on("result", listener),
    onCancelled: (listener) => on("cancelled", listener),
    onContext: (listener) => on("context", listener),
    callTool: (name, args = {}) => request("tools/call", { name, arguments: args }),
    readResource: (uri) => request("resources/read", { uri }),
    openLink: (url) => request("ui/open-link", { url }),
    sendMessage: (text) => request("ui/message", { role: "user", content: [{ type: "text", text }] }),
    updateContext: (text, data) => request("ui/update-model-context", {
      ...(text === undefined ? {} : { content: [{ type: "text", text }] }),
      ...(data === undefined ? {} : { structuredContent: data }),
    }),
    requestDisplayMode: (mode) => request("ui/request-display-mode", { mode }),
    submit: (form) => run(form),
  };
  window.mcp = mcp;

  if (window.parent === window) {
    mcp.ready = new Promise(() => {});
    return;
  }
  window.addEventListener("message", (event) => {
    const message = event.data;
    if (event.source !== window.parent || !message || message.jsonrpc !== "2.0") return;
    if (message.method) receive(message);
    else settle(message);
  });
  const loaded = new Promise((resolve) => {
    if (document.readyState !== "loading") resolve();
    else document.addEventListener("DOMContentLoaded", resolve);
  });
  // After the document's own scripts, so that their listeners are there when the host sends the result.
  mcp.ready = loaded
    .then(() => request("ui/initialize", { protocolVersion: PROTOCOL, appInfo: info, appCapabilities: {} }, Infinity))
    .then((result) => {
      mcp.host = { info: result.hostInfo, capabilities: result.hostCapabilities || {} };
      applyContext(result.hostContext || {});
      send({ method: "ui/notifications/initialized" });
      watchSize();
      return mcp.host;
    });
})();
