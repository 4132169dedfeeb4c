// Gemini CLI: the MCP client of its core, with the tools as the command gives them to its model.

import { McpClient, MCPServerConfig, WorkspaceContext } from "@google/gemini-cli-core";

import { run } from "./loop.mjs";

const nothing = () => undefined;

await run(async (url, heard) => {
  const tools = new Map();
  const prompts = new Map();
  const context = { sanitizationConfig: {}, isTrustedFolder: () => true, emitMcpDiagnostic: nothing };
  const settings = Object.assign(new MCPServerConfig(), { httpUrl: url, trust: true });
  const workspace = new WorkspaceContext(process.cwd());
  const changed = async () => heard();
  const client = new McpClient("django", settings, workspace, context, false, "0", changed);
  await client.connect();
  await client.discoverInto(context, {
    toolRegistry: {
      getMessageBus: nothing,
      getToolsByServer: () => [...tools.values()],
      registerTool: (tool) => tools.set(tool.serverToolName, tool),
      removeMcpToolsByServer: nothing,
      sortTools: nothing,
    },
    promptRegistry: { registerPrompt: (prompt) => prompts.set(prompt.name, prompt), removePromptsByServer: nothing },
    resourceRegistry: { setResourcesForServer: nothing, removeResourcesByServer: nothing },
  });
  const execute = async (name, args) => {
    const result = await tools.get(name).build(args).execute({ abortSignal: new AbortController().signal });
    return JSON.stringify(result.llmContent);
  };
  return {
    listens: async () => true,
    tools: async () => [...tools.keys()],
    call: execute,
    read: async (uri) => (await client.readResource(uri)).contents[0].text,
    prompt: async (name, args) => (await prompts.get(name).invoke(args)).messages[0].content.text,
    close: () => client.disconnect(),
  };
});
