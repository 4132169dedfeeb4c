// A host of apps (ext-apps 2026-01-26) on a page: it refuses what a careful host refuses, and tells of it.
(() => {
  const data = MCP.data;
  const find = (id) => document.getElementById(id);
  const MAX_HEIGHT = 4000;
  const KEPT_LINES = 200;
  const COLOURS = {
    light: { primary: "#ffffff", secondary: "#f4f6f8", text: "#17202b", soft: "#566272", line: "#d5dae1", danger: "#a3261b" },
    dark: { primary: "#1d1f24", secondary: "#2a2e35", text: "#e9eef4", soft: "#a3afbd", line: "#454d58", danger: "#ff9c92" },
  };
  // Violations are told by the document itself, before its own first script.
  const REPORTER = `<script>addEventListener("securitypolicyviolation", (event) => parent.postMessage({ method: "preview/violation",
    text: event.effectiveDirective + " " + event.blockedURI + (event.lineNumber ? " (line " + event.lineNumber + ")" : "") }, "*"));<\/script>`;
  let tools = {};
  let shown = null;

  function line(list, text) {
    const entry = document.createElement("li");
    entry.textContent = text.length > 500 ? `${text.slice(0, 500)}…` : text;
    list.prepend(entry);
    while (list.children.length > KEPT_LINES) list.lastChild.remove();
  }

  const log = (way, message) => line(find("log"), `${way} ${JSON.stringify(message)}`);
  const words = find("status").dataset;
  const say = (text) => { find("status").textContent = text; };

  async function ask(method, params) {
    const decline = async (questions) => Object.fromEntries(Object.keys(questions).map((key) => [key, { action: "decline" }]));
    const exchanges = await MCP.request(method, params, { hear: () => {}, ask: decline });
    const { result, error } = exchanges[exchanges.length - 1].reply;
    if (error) throw Object.assign(new Error(error.message), { code: error.code });
    return result;
  }

  async function listTools() {
    let cursor;
    do {
      const page = await ask("tools/list", cursor ? { cursor } : {});
      for (const tool of page.tools) tools[tool.name] = tool;
      cursor = page.nextCursor;
    } while (cursor);
    data.definitions.tools = tools;
    const withApps = Object.values(tools).filter((tool) => linked(tool));
    for (const tool of withApps) find("tool").add(new Option(tool.title || tool.name, tool.name));
    say(withApps.length ? "" : words.none);
  }

  const ui = (tool) => (tool._meta && tool._meta.ui) || {};
  const linked = (tool) => ui(tool).resourceUri;
  const isFor = (tool, caller) => (ui(tool).visibility || ["model", "app"]).includes(caller);

  function context() {
    const theme = find("theme").value;
    const colours = COLOURS[theme];
    return {
      theme, displayMode: "inline", availableDisplayModes: ["inline"], platform: "web", locale: navigator.language,
      timeZone: Intl.DateTimeFormat().resolvedOptions().timeZone,
      containerDimensions: { maxHeight: MAX_HEIGHT, maxWidth: Number(find("width").value) },
      styles: { variables: {
        "--color-background-primary": colours.primary, "--color-background-secondary": colours.secondary,
        "--color-text-primary": colours.text, "--color-text-secondary": colours.soft, "--color-text-danger": colours.danger,
        "--color-border-primary": colours.line, "--font-sans": "system-ui, sans-serif", "--border-radius-md": "8px",
      } },
    };
  }

  function send(message) {
    log("→", message);
    shown.frame.contentWindow.postMessage({ jsonrpc: "2.0", ...message }, "*");
  }

  async function show() {
    say("");
    find("violations").replaceChildren();
    find("model").textContent = "";
    find("log").replaceChildren();
    const tool = tools[find("tool").value];
    let args;
    try {
      args = JSON.parse(find("arguments").value || "{}");
      const { contents } = await ask("resources/read", { uri: linked(tool) });
      if (contents[0].mimeType !== data.mimeType) throw new Error(`${words.type} ${contents[0].mimeType}`);
      open(tool, args, contents[0]);
    } catch (error) {
      say(error.message);
    }
  }

  function open(tool, args, content) {
    const meta = (content._meta && content._meta.ui) || {};
    const frame = document.createElement("iframe");
    frame.title = tool.title || tool.name;
    frame.sandbox = "allow-scripts";
    frame.allow = Object.keys(meta.permissions || {}).map((name) => name.replace(/[A-Z]/g, (one) => `-${one.toLowerCase()}`)).join("; ");
    frame.className = meta.prefersBorder ? "bordered" : "";
    frame.style.width = `${find("width").value}px`;
    frame.src = `${data.sandbox}?csp=${encodeURIComponent(JSON.stringify(meta.csp || {}))}`;
    const html = content.text.replace(/^(\s*<!doctype[^>]*>)?/i, (doctype) => doctype + REPORTER);
    shown = { tool, args, frame, html };
    find("stage").replaceChildren(frame);
  }

  async function deliver() {
    const { tool, args } = shown;
    send({ method: "ui/notifications/tool-input", params: { arguments: args } });
    try {
      const result = await ask("tools/call", { name: tool.name, arguments: args });
      find("model").textContent = textOf(result);
      send({ method: "ui/notifications/tool-result", params: result });
    } catch (error) {
      say(error.message);
      send({ method: "ui/notifications/tool-cancelled", params: { reason: error.message } });
    }
  }

  const textOf = (one) => (one.content || []).map((block) => block.text || `[${block.type}]`).join("\n");

  const refuse = (message, code = -32000) => { throw Object.assign(new Error(message), { code }); };

  const handlers = {
    "ui/initialize": async () => ({
      protocolVersion: "2026-01-26", hostInfo: { name: "django-mcp-preview", version: "1" },
      hostCapabilities: { serverTools: {}, serverResources: {}, openLinks: {}, updateModelContext: { text: {}, structuredContent: {} }, message: { text: {} } },
      hostContext: context(),
    }),
    "tools/call": async ({ name, arguments: args }) => {
      const tool = tools[name];
      if (!tool) refuse(`The server has no tool ${name}.`, -32602);
      if (!isFor(tool, "app")) refuse(`The tool ${name} is not for apps.`);
      return ask("tools/call", { name, arguments: args || {} });
    },
    "resources/read": ({ uri }) => ask("resources/read", { uri }),
    "ui/open-link": async ({ url }) => {
      if (!/^https?:/.test(url)) refuse("Only web addresses are opened.");
      say(`${words.opens} ${url}`);
      return {};
    },
    "ui/message": async (params) => {
      say(`${words.says} ${textOf(params)}`);
      return {};
    },
    "ui/update-model-context": async (params) => {
      find("model").textContent = [textOf(params), params.structuredContent && JSON.stringify(params.structuredContent, null, 1)].filter(Boolean).join("\n");
      return {};
    },
    "ui/request-display-mode": async () => ({ mode: "inline" }),
    ping: async () => ({}),
  };

  async function answer({ id, method, params }) {
    try {
      if (!Object.hasOwn(handlers, method)) refuse("Method not found", -32601);
      send({ id, result: await handlers[method](params || {}) });
    } catch (error) {
      send({ id, error: { code: error.code || -32603, message: error.message } });
    }
  }

  function resize({ height }) {
    if (Number.isFinite(height)) shown.frame.style.height = `${Math.min(Math.max(height, 0), MAX_HEIGHT)}px`;
  }

  window.addEventListener("message", (event) => {
    if (!shown || event.source !== shown.frame.contentWindow) return;
    const message = event.data;
    if (message.method === "preview/ready") return event.source.postMessage({ method: "preview/document", html: shown.html }, "*");
    if (message.method === "preview/violation") return line(find("violations"), String(message.text));
    if (message.jsonrpc !== "2.0" || !message.method) return;
    log("←", message);
    if (message.id !== undefined) answer(message);
    else if (message.method === "ui/notifications/initialized") deliver();
    else if (message.method === "ui/notifications/size-changed") resize(message.params || {});
  });

  find("controls").addEventListener("submit", (event) => event.preventDefault());
  find("show").addEventListener("click", show);
  find("theme").addEventListener("change", () => {
    find("conversation").className = find("theme").value;
    if (shown) send({ method: "ui/notifications/host-context-changed", params: context() });
  });
  find("width").addEventListener("input", () => { if (shown) shown.frame.style.width = `${find("width").value}px`; });
  listTools().catch((error) => say(error.message));
})();
