// Codex: its app server, by which its own editors talk to it. Nobody signs in, and no model is asked.

import { spawn } from "node:child_process";
import { mkdtempSync, writeFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

import { run } from "./loop.mjs";

const codex = fileURLToPath(new URL("node_modules/@openai/codex/bin/codex.js", import.meta.url));

await run(async (url) => {
  const home = mkdtempSync(fileURLToPath(new URL("codex-", import.meta.url)));
  writeFileSync(`${home}/config.toml`, `[mcp_servers.django]\nurl = "${url}"\n`);
  const env = { ...process.env, HOME: home, CODEX_HOME: home };
  const server = spawn(process.execPath, [codex, "app-server"], { env, stdio: ["pipe", "pipe", "inherit"] });
  const waiting = new Map();
  const send = (message) => server.stdin.write(`${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`);

  createInterface({ input: server.stdout }).on("line", (line) => {
    const { id, method, result, error } = JSON.parse(line);
    if (method === "mcpServer/elicitation/request") {
      send({ id, result: { action: "accept", content: { name: "Ada" }, _meta: null } });
    } else if (!method) {
      const { resolve, reject } = waiting.get(id);
      error ? reject(new Error(error.message)) : resolve(result);
    }
  });

  let requests = 0;
  const ask = (method, params) =>
    new Promise((resolve, reject) => {
      waiting.set(++requests, { resolve, reject });
      send({ id: requests, method, params });
    });

  await ask("initialize", {
    clientInfo: { name: "visitor", title: "visitor", version: "1" },
    capabilities: { experimentalApi: true },
  });
  send({ method: "initialized" });
  const { thread } = await ask("thread/start", {});
  const about = { threadId: thread.id, server: "django" };
  return {
    tools: async () => {
      const { data } = await ask("mcpServerStatus/list", { threadId: thread.id });
      return Object.keys(data[0].tools);
    },
    call: async (tool, args) => {
      const result = await ask("mcpServer/tool/call", { ...about, tool, arguments: args });
      return result.content[0].text;
    },
    read: async (uri) => (await ask("mcpServer/resource/read", { ...about, uri })).contents[0].text,
    close: async () => server.kill(),
  };
});
