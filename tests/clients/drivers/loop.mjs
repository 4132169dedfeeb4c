// Carries out the commands of a test by a client library, as loop.py does: a line of JSON each on stdin, and an answer
// each on stdout. `connect(url, heard)` returns an object with the methods that the library has, and `close`.

import { createInterface } from "node:readline";

const answer = (said) => process.stdout.write(`@@ ${JSON.stringify(said)}\n`);

const within = async (seconds, promise) => {
  let timer;
  const late = new Promise((_, refuse) => {
    timer = setTimeout(() => refuse(new Error(`TimeoutError: ${seconds} s`)), 1000 * seconds);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
};

export const run = async (connectTo) => {
  let client = {};
  let changed = false;
  let wake = () => {};
  const heard = () => {
    changed = true;
    wake();
  };
  const own = {
    connect: async (url) => {
      changed = false;
      client = await connectTo(url, heard);
      return null;
    },
    close: async () => {
      const { close } = client;
      client = {};
      await close?.();
      return null;
    },
    hear: async () => {
      if (!changed) await new Promise((resolve) => (wake = resolve));
      changed = false;
      return true;
    },
  };
  // A library that lets a promise fail where nobody looks would end the process.
  process.on("unhandledRejection", (error) => console.error("unhandled", error));
  answer({ value: "ready" });
  for await (const line of createInterface({ input: process.stdin })) {
    const { do: name, arguments: given, seconds } = JSON.parse(line);
    const method = own[name] ?? client[name];
    if (!method) {
      answer({ missing: true });
      continue;
    }
    try {
      answer({ value: (await within(seconds, method(...given))) ?? null });
    } catch (error) {
      answer({ error: `${error?.name}: ${error?.message ?? error}` });
    }
  }
  process.exit(0);
};
