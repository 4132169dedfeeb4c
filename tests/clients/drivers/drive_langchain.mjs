// LangChain for TypeScript: @langchain/mcp-adapters.

import { MultiServerMCPClient } from "@langchain/mcp-adapters";

import { run } from "./loop.mjs";

await run(async (url, heard) => {
  let numbers = [];
  const client = new MultiServerMCPClient({
    mcpServers: { django: { transport: "http", url } },
    onProgress: ({ progress }) => numbers.push(progress),
    onToolsListChanged: () => heard(),
  });
  const made = Object.fromEntries((await client.getTools()).map((tool) => [tool.name, tool]));
  return {
    listens: async () => true,
    tools: async () => Object.keys(made),
    call: async (name, args) => JSON.stringify(await made[name].invoke(args)),
    count: async () => {
      numbers = [];
      await made.count.invoke({});
      return numbers;
    },
    read: async (uri) => (await client.readResource("django", uri))[0].text,
    close: () => client.close(),
  };
});
