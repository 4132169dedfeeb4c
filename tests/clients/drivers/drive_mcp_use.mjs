// mcp-use for TypeScript: a session of its MCPClient.

import { MCPClient } from "mcp-use/client";

import { run } from "./loop.mjs";

await run(async (url, heard) => {
  const client = new MCPClient(
    { mcpServers: { django: { url } } },
    { onElicitation: async () => ({ action: "accept", content: { name: "Ada" } }) },
  );
  const session = await client.createSession("django");
  session.on("notification", ({ method }) => method === "notifications/tools/list_changed" && heard());
  return {
    listens: async () => true,
    tools: async () => (await session.listTools()).map((tool) => tool.name),
    call: async (name, args) => (await session.callTool(name, args)).content[0].text,
    count: async () => {
      const numbers = [];
      await session.callTool("count", {}, { onprogress: ({ progress }) => numbers.push(progress) });
      return numbers;
    },
    read: async (uri) => (await session.readResource(uri)).contents[0].text,
    prompt: async (name, args) => (await session.getPrompt(name, args)).messages[0].content.text,
    close: () => client.closeAllSessions(),
  };
});
