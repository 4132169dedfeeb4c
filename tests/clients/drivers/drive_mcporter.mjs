// mcporter: its runtime, which its command uses too.

import { createRuntime } from "mcporter";

import { run } from "./loop.mjs";

await run(async (url) => {
  const runtime = await createRuntime({
    servers: [{ name: "django", command: { kind: "http", url: new URL(url) } }],
  });
  return {
    tools: async () => (await runtime.listTools("django")).map((tool) => tool.name),
    call: async (name, args) => JSON.stringify(await runtime.callTool("django", name, { args })),
    read: async (uri) => JSON.stringify(await runtime.readResource("django", uri)),
    close: () => runtime.close(),
  };
});
