// The official TypeScript SDK: `drive_sdk.mjs v1 legacy`, `v2 legacy` or `v2 auto`. v1 is @modelcontextprotocol/sdk,
// which speaks the handshake era; v2 is @modelcontextprotocol/client, which speaks both.

import { run } from "./loop.mjs";
import { callsOf } from "./sessions.mjs";

const [release, mode] = process.argv.slice(2);
const v2 = release === "v2";
const { Client, StreamableHTTPClientTransport } = v2
  ? await import("@modelcontextprotocol/client")
  : {
      ...(await import("@modelcontextprotocol/sdk/client/index.js")),
      ...(await import("@modelcontextprotocol/sdk/client/streamableHttp.js")),
    };
const types = v2 ? {} : await import("@modelcontextprotocol/sdk/types.js");

const asked = async () => ({ action: "accept", content: { name: "Ada" } });

await run(async (url, heard) => {
  const client = new Client(
    { name: "visitor", version: "1" },
    { capabilities: { elicitation: {} }, ...(v2 ? { versionNegotiation: { mode } } : {}) },
  );
  client.setRequestHandler(v2 ? "elicitation/create" : types.ElicitRequestSchema, asked);
  const changed = v2 ? "notifications/tools/list_changed" : types.ToolListChangedNotificationSchema;
  client.setNotificationHandler(changed, heard);
  await client.connect(new StreamableHTTPClientTransport(new URL(url)));
  let listening;
  return {
    ...callsOf(client),
    listens: async () => {
      if (mode === "auto") listening ??= await client.listen({ toolsListChanged: true });
      return true;
    },
    count: async () => {
      const numbers = [];
      const options = { onprogress: ({ progress }) => numbers.push(progress) };
      await client.callTool({ name: "count", arguments: {} }, ...(v2 ? [options] : [undefined, options]));
      return numbers;
    },
    close: () => client.close(),
  };
});
