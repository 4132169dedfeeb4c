// The Vercel AI SDK: a client of @ai-sdk/mcp.

import { createMCPClient, ElicitationRequestSchema } from "@ai-sdk/mcp";

import { run } from "./loop.mjs";

await run(async (url) => {
  const client = await createMCPClient({ transport: { type: "http", url }, capabilities: { elicitation: {} } });
  client.onElicitationRequest(ElicitationRequestSchema, async () => ({ action: "accept", content: { name: "Ada" } }));
  const tools = await client.tools();
  return {
    tools: async () => Object.keys(tools),
    call: async (name, args) => {
      const result = await tools[name].execute(args, { toolCallId: name, messages: [] });
      return JSON.stringify(result);
    },
    read: async (uri) => (await client.readResource({ uri })).contents[0].text,
    prompt: async (name, args) => {
      const get = client.getPrompt ?? client.experimental_getPrompt;
      return (await get.call(client, { name, arguments: args })).messages[0].content.text;
    },
    close: () => client.close(),
  };
});
