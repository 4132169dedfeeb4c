// The preview as an MCP client of the endpoint: one POST for each request, its answer in JSON or as a stream of events.
const MCP = (() => {
  const data = JSON.parse(document.getElementById("mcp-data").textContent);
  const KEPT_MESSAGES = 200;
  const TARGETS = { "tools/call": "name", "prompts/get": "name", "resources/read": "uri" };
  const CAPABILITIES = { elicitation: { form: {}, url: {} }, sampling: {}, roots: {}, ...data.clientCapabilities };
  const INFO = { name: "django-mcp-page", title: "The page of the endpoint", version: "1" };
  let lastId = 0;
  let session = null;

  function modernHeaders(method, params) {
    const headers = { "MCP-Protocol-Version": data.version, "Mcp-Method": method };
    if (TARGETS[method]) headers["Mcp-Name"] = headerValue(params[TARGETS[method]]);
    const tool = method === "tools/call" && (data.definitions.tools || {})[params.name];
    return tool ? { ...headers, ...paramHeaders(tool.inputSchema, params.arguments) } : headers;
  }

  function sessionHeaders() {
    const headers = { "MCP-Protocol-Version": data.version };
    return session ? { ...headers, "Mcp-Session-Id": session } : headers;
  }

  async function post(message, signal) {
    const own = data.era === "modern" ? modernHeaders(message.method, message.params) : sessionHeaders();
    const headers = { "Content-Type": "application/json", Accept: "application/json, text/event-stream", ...own };
    const credentials = { [data.csrfHeader]: data.csrfToken, "X-MCP-Page": "1" };
    const options = { method: "POST", headers: { ...headers, ...credentials }, body: JSON.stringify(message), signal };
    const response = await fetch(data.path, { ...options, credentials: "same-origin", redirect: "error" });
    return { response, headers };
  }

  // Each message of an answer, as it comes.
  async function* messagesOf(response) {
    const type = response.headers.get("Content-Type") || "";
    if (!type.startsWith("text/event-stream")) {
      const text = await response.text();
      if (text) yield parse(text, response.status);
      return;
    }
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const events = (rest + value).split("\n\n");
      rest = events.pop();
      for (const event of events) {
        const lines = event.split("\n").filter((line) => line.startsWith("data:"));
        const text = lines.map((line) => line.slice(5).trimStart()).join("\n");
        if (text) yield parse(text, response.status);
      }
    }
  }

  function parse(text, status) {
    try {
      return JSON.parse(text);
    } catch {
      return { error: { code: status, message: `The server answered ${status} with what is no JSON.` } };
    }
  }

  async function open() {
    const params = { protocolVersion: data.version, capabilities: CAPABILITIES, clientInfo: INFO };
    const { response } = await post({ jsonrpc: "2.0", id: ++lastId, method: "initialize", params });
    for await (const message of messagesOf(response)) if (message.error) throw new Error(message.error.message);
    session = response.headers.get("Mcp-Session-Id");
    await post({ jsonrpc: "2.0", method: "notifications/initialized" });
  }

  // A handshake client is asked by a request on the stream, and answers by a POST of its own.
  async function answer(request, ask) {
    const result = await ask({ question: request });
    await post({ jsonrpc: "2.0", id: request.id, result: result.question });
  }

  // Makes one request, and again with what the user answers if the server asks.
  // `hear` is told each notification, `ask` has the user answer questions by key.
  async function request(method, params, { signal, hear, ask }) {
    const exchanges = [];
    const meta = {
      "io.modelcontextprotocol/protocolVersion": data.version,
      "io.modelcontextprotocol/clientInfo": INFO,
      "io.modelcontextprotocol/clientCapabilities": CAPABILITIES,
      "io.modelcontextprotocol/logLevel": "debug",
    };
    let extra = {};
    for (;;) {
      if (data.era === "handshake" && !session) await open();
      const id = ++lastId;
      const own = { progressToken: id, ...(data.era === "modern" ? meta : {}) };
      const message = { jsonrpc: "2.0", id, method, params: { ...params, ...extra, _meta: own } };
      const exchange = { message, received: [], left: 0, started: performance.now() };
      exchanges.push(exchange);
      const { response, headers } = await post(message, signal);
      Object.assign(exchange, { headers, status: response.status });
      for await (const one of messagesOf(response)) {
        if (exchange.received.length < KEPT_MESSAGES) exchange.received.push(one);
        else exchange.left += 1;
        if (one.method && one.id !== undefined) answer(one, ask).catch(() => {});
        else if (one.method) hear(one);
        else exchange.reply = one;
      }
      exchange.milliseconds = Math.round(performance.now() - exchange.started);
      if (data.era === "handshake" && response.status === 404) session = null;
      exchange.reply ??= { error: { code: response.status, message: `The server answered ${response.status}, and nothing more.` } };
      const result = exchange.reply.result;
      if (!result || result.resultType !== "input_required") return exchanges;
      extra = { requestState: result.requestState };
      if (result.inputRequests) extra.inputResponses = await ask(result.inputRequests);
    }
  }

  function quote(text) {
    return `'${text.replaceAll("'", `'\\''`)}'`;
  }

  // The line that makes the same request in a shell; a token takes the place of the session.
  function curl(exchange) {
    const headers = Object.entries(exchange.headers || {}).map(([name, value]) => `-H ${quote(`${name}: ${value}`)}`);
    return ["curl", quote(data.url), ...headers, "-d", quote(JSON.stringify(exchange.message))].join(" ");
  }

  return { data, request, curl };
})();
