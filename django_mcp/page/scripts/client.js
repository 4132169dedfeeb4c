// The page as an MCP client of its own endpoint, by the official TypeScript client.
import "./no_eval.js";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { CfWorkerJsonSchemaValidator } from "@modelcontextprotocol/client/validators/cf-worker";

import { data } from "./data.js";
import { paramHeaders } from "./headers.js";
import { CALL, attend, recordingFetch } from "./wire.js";

const CAPABILITIES = { elicitation: { form: {}, url: {} }, sampling: {}, roots: {}, ...data.clientCapabilities };
const INFO = { name: "django-mcp-page", title: "The page of the endpoint", version: "1" };
// A person may take hours over a question; a timer holds no longer time.
const NEVER = 2 ** 31 - 1;
const KEPT = `django-mcp:${data.path}:${data.person}`;
const SEND = {
  "tools/call": (client, params, options, definition) => client.callTool(params, { ...options, toolDefinition: definition }),
  "prompts/get": (client, params, options) => client.getPrompt(params, options),
  "resources/read": (client, params, options) => client.readResource(params, { ...options, cacheMode: "bypass" }),
  "completion/complete": (client, params, options) => client.complete(params, options),
};

const validator = new CfWorkerJsonSchemaValidator();
const running = new Set();
const watchers = new Set();
const listeners = new Set();
let connection = null;
let lastCall = 0;

// The tab's memory: the era that was chosen, and the session that is open. A browser may refuse to have any.
const memory = {
  read() {
    try {
      return JSON.parse(sessionStorage.getItem(KEPT)) || {};
    } catch {
      return {};
    }
  },
  write(values) {
    try {
      sessionStorage.setItem(KEPT, JSON.stringify({ ...memory.read(), ...values }));
    } catch { /* The page works without a memory. */ }
  },
};

export function era() {
  const { era: chosen } = memory.read();
  return data.eras.includes(chosen) ? chosen : data.eras[0];
}

export function versionOf(name = era()) {
  return data.versions[name];
}

// The session of the handshake era: an id, or `null`.
export function session() {
  return (memory.read().session || {}).id || null;
}

// Has a function told when the connection, its era or its session changes.
export function onChange(listener) {
  listeners.add(listener);
}

function changed() {
  for (const listener of listeners) listener();
}

export async function choose(name) {
  await forget();
  memory.write({ era: name });
  changed();
}

// Leaves the session as it is on the server, and begins anew with the next request.
export async function forget() {
  const old = connection;
  connection = null;
  memory.write({ session: null });
  if (old) await old.then(({ client }) => client.close(), () => {});
  for (const watcher of watchers) watcher.onend();
  changed();
}

// Ends the session on the server.
export async function closeSession() {
  if (!session()) return;
  const { transport } = await connect();
  await transport.terminateSession().catch(() => {});
  await forget();
}

// `call` is the one that needs the connection, and hears of what opens it.
export function connect(call = null) {
  connection ??= open(call).catch((error) => {
    connection = null;
    throw error;
  });
  return connection;
}

async function open(call) {
  let opener = call;
  const isModern = era() === "modern";
  const kept = (!isModern && memory.read().session) || {};
  const transport = new StreamableHTTPClientTransport(new URL(data.path, location.href), {
    fetch: (url, init) => recordingFetch(url, init, opener), sessionId: kept.id, protocolVersion: kept.version,
  });
  const client = new Client(INFO, {
    capabilities: CAPABILITIES, jsonSchemaValidator: validator, inputRequired: { maxRounds: 1000 },
    versionNegotiation: { mode: isModern ? { pin: versionOf("modern") } : "legacy" },
  });
  for (const method of ["elicitation/create", "sampling/createMessage", "roots/list"]) client.setRequestHandler(method, (request) => asked(request));
  client.setNotificationHandler("notifications/resources/updated", ({ params }) => {
    for (const watcher of watchers) if (watcher.uri === params.uri) watcher.onupdate();
  });
  await client.connect(transport);
  if (transport.sessionId && !kept.id) {
    memory.write({ session: { id: transport.sessionId, version: transport.protocolVersion } });
    if (data.capabilities.logging) await client.setLoggingLevel("debug");
  }
  opener = null;
  changed();
  return { client, transport, resumed: Boolean(kept.id) };
}

// The call that the server asks about: the one that heard the question, else the last that began.
function asked(request) {
  const calls = [...running];
  const call = calls.findLast((one) => one.questions.get(request.method) > 0) || calls.at(-1);
  if (!call) throw new Error("Nothing runs that could have asked.");
  call.questions.set(request.method, (call.questions.get(request.method) || 0) - 1);
  return call.ask(request);
}

function noteQuestions(questions, message) {
  const asks = message.method && message.id !== undefined ? [message] : Object.values(message.result?.inputRequests || {});
  for (const { method } of asks) questions.set(method, (questions.get(method) || 0) + 1);
}

// A definition that the client can call by, and the reason for which it cannot read the schema of the tool's result. It would
// not call such a tool at all, and a person wants to see what the tool answers.
function readable(definition) {
  try {
    if (definition?.outputSchema) validator.getValidator(definition.outputSchema);
    return [definition, null];
  } catch (error) {
    const { outputSchema: _unread, ...rest } = definition;
    return [rest, error];
  }
}

// Makes one request, and answers what the server asks on the way.
//
// `hear` is told each notification, `ask` has the user answer a question. Returns `{exchanges, reply, complaint}`: all that
// went over the wire, the last answer as it came, and the reason for which the client does not accept it.
export async function request(method, params, { signal, hear, ask, definition }) {
  const questions = new Map();
  const call = { exchanges: [], questions, ask, hear: (message) => {
    if (!message) return;
    noteQuestions(questions, message);
    if (message.method === "notifications/message") hear(message);
  } };
  const name = String(++lastCall);
  const done = attend(name, call);
  running.add(call);
  const [called, unread] = readable(definition);
  let complaint = unread;
  try {
    const { client } = await connect(call);
    // The official client leaves the headers of arguments out in browsers, where another site would have to be asked first;
    // this endpoint is the page's own.
    const isModernCall = era() === "modern" && method === "tools/call";
    const headers = { [CALL]: name, ...(isModernCall ? paramHeaders(definition?.inputSchema, params.arguments) : {}) };
    const meta = era() === "modern" ? { _meta: { "io.modelcontextprotocol/logLevel": "debug" } } : {};
    const options = { signal, headers, timeout: NEVER, onprogress: (progress) => hear({ method: "notifications/progress", params: progress }) };
    await SEND[method](client, { ...params, ...meta }, options, called);
  } catch (error) {
    complaint = error;
  } finally {
    done();
    running.delete(call);
  }
  const last = call.exchanges.at(-1);
  if (signal?.aborted || !last || last.failure || !(last.reply || last.status >= 400)) throw complaint || new Error("The server answered nothing.");
  if (last.status === 404 && session()) await forget();
  return { exchanges: call.exchanges, reply: last.reply, status: last.status, complaint };
}

// The problems of a value with a schema, in the words of the validator; "" where there are none, or the schema is not one.
export function problemsOf(schema, value) {
  try {
    const { valid, errorMessage } = validator.getValidator(schema)(value);
    return valid ? "" : errorMessage;
  } catch {
    return "";
  }
}

// Hears of a resource's changes until the function that it returns is called. `onend` is told when the server ends it.
export async function watch(uri, onupdate, onend) {
  const { client, transport, resumed } = await connect();
  const watcher = { uri, onupdate, onend };
  watchers.add(watcher);
  const leave = () => watchers.delete(watcher);
  try {
    if (era() === "modern") {
      const subscription = await client.listen({ resourceSubscriptions: [uri] });
      subscription.closed.then((cause) => { if (leave() && cause !== "local") onend(); });
      return async () => { leave(); await subscription.close(); };
    }
    await client.subscribeResource({ uri });
    // After a reload the stream is the page's to open again; the client opens it with a new session alone.
    if (resumed) await transport.resumeStream("").catch(() => {});
  } catch (error) {
    leave();
    throw error;
  }
  return async () => { leave(); await client.unsubscribeResource({ uri }).catch(() => {}); };
}
