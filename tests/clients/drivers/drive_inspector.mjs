// The Inspector's command line, which is started for each call: `drive_inspector.mjs legacy|modern`.

import { execFile } from "node:child_process";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { run } from "./loop.mjs";

const era = process.argv[2];
const inspector = fileURLToPath(new URL("node_modules/.bin/mcp-inspector", import.meta.url));

await run(async (url) => {
  const env = { ...process.env, PATH: `${dirname(process.execPath)}:${process.env.PATH}` };
  const inspect = async (...words) => {
    const server = ["--server-url", url, "--transport", "http", "--protocol-era", era];
    try {
      return (await promisify(execFile)(inspector, ["--cli", ...server, "--method", ...words], { env })).stdout;
    } catch (error) {
      // It prints the result of a tool that failed, and then fails too.
      if (error.stdout) return error.stdout;
      throw error;
    }
  };
  const pairs = (flag, values) => Object.entries(values).flatMap(([name, value]) => [flag, `${name}=${value}`]);
  return {
    tools: () => inspect("tools/list"),
    call: (name, args) => inspect("tools/call", "--tool-name", name, ...pairs("--tool-arg", args)),
    read: (uri) => inspect("resources/read", "--uri", uri),
    prompt: (name, args) => inspect("prompts/get", "--prompt-name", name, ...pairs("--prompt-args", args)),
  };
});
