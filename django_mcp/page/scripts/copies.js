// The same request elsewhere: in a shell, and in Python.
import { data } from "./data.js";

function quote(text) {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

function request(headers, message, options = "-s") {
  const credentials = data.scheme ? [`-H "Authorization: ${data.scheme} $TOKEN"`] : [];
  const given = Object.entries(headers).map(([name, value]) => `-H ${quote(`${name}: ${value}`)}`);
  return ["curl", options, quote(data.url), ...credentials, ...given, "-d", quote(JSON.stringify(message))].join(" ");
}

// The lines that make an exchange's request in a shell. A token, from the environment, takes the place of the person's
// session with Django; and a session of the protocol is the caller's own, so that it is opened first.
export function curl({ headers, message }) {
  const { "mcp-session-id": session, ...others } = headers || {};
  if (!session) return request(others, message);
  const params = { protocolVersion: headers["mcp-protocol-version"], capabilities: {}, clientInfo: { name: "curl", version: "1" } };
  const initialize = request({ accept: others.accept, "content-type": others["content-type"] }, { jsonrpc: "2.0", id: 0, method: "initialize", params }, "-s -o /dev/null -D -");
  return [`SESSION=$(${initialize} | tr -d '\\r' | awk 'tolower($1) == "mcp-session-id:" { print $2 }')`,
    request(others, message).replace("curl -s ", 'curl -s -H "Mcp-Session-Id: $SESSION" ')].join("\n");
}

// A value as Python writes it: JSON, but for three words.
export function literal(value) {
  if (value === null || value === undefined) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (Array.isArray(value)) return `[${value.map(literal).join(", ")}]`;
  if (typeof value === "object") return `{${Object.entries(value).map(([key, one]) => `${literal(key)}: ${literal(one)}`).join(", ")}}`;
  // Python knows no half of a surrogate pair in UTF-8, and reads JSON's escapes.
  return JSON.stringify(value);
}

const CALLS = {
  "tools/call": ({ name, arguments: given }) => `call_tool(${literal(name)}, ${literal(given || {})})`,
  "prompts/get": ({ name, arguments: given }) => `get_prompt(${literal(name)}, ${literal(given || {})})`,
  "resources/read": ({ uri }) => `read_resource(${literal(uri)})`,
};

// A program of the official Python client that makes the same request. A token is read from the environment.
export function python(method, params) {
  const call = `            print(await client.${CALLS[method](params)})`;
  const url = literal(data.url);
  if (!data.scheme) {
    return ["import asyncio", "", "import mcp", "", "", "async def main():", `    async with mcp.Client(${url}) as client:`,
      call.slice(4), "", "", "asyncio.run(main())", ""].join("\n");
  }
  return ["import asyncio", "import os", "", "import httpx2", "import mcp", "from mcp.client.streamable_http import streamable_http_client", "", "",
    "async def main():", `    headers = {"Authorization": "${data.scheme} " + os.environ["TOKEN"]}`,
    "    async with httpx2.AsyncClient(headers=headers) as http:",
    `        async with mcp.Client(streamable_http_client(${url}, http_client=http)) as client:`,
    call, "", "", "asyncio.run(main())", ""].join("\n");
}
