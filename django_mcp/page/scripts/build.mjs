// Makes ../bundle.js of main.js and of the official client, and ../bundle.LICENSES.txt: `make page` runs this where npm has
// installed the lockfile's packages.
//
//     node build.mjs SOURCES TARGET
import { existsSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

import { build } from "esbuild";

const [sources, target] = process.argv.slice(2);
const made = await build({
  absWorkingDir: process.cwd(), entryPoints: [join(sources, "main.js")], nodePaths: [join(process.cwd(), "node_modules")],
  bundle: true, minify: true, format: "iife", platform: "browser", conditions: ["browser"], target: "es2022",
  legalComments: "none", metafile: true, write: false, outfile: "bundle.js",
});
const [{ text }] = made.outputFiles;
// It stands in the page itself, where these would end it, and holds no function that is made of text.
for (const found of ["</script", "<!--", "new Function(", "eval("]) if (text.includes(found)) throw new Error(`The bundle holds ${found}`);
writeFileSync(join(target, "bundle.js"), `// Made by "make page" of scripts/. Licences: bundle.LICENSES.txt\n${text}`);

const packages = new Set(Object.keys(Object.values(made.metafile.outputs)[0].inputs).map((path) => path.match(/node_modules\/((?:@[^/]+\/)?[^/]+)\//)?.[1]).filter(Boolean));
const licences = [...packages].sort().map((name) => {
  let folder = join("node_modules", name);
  const { version, license } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  while (!readdirSync(folder).some((file) => /^licen[cs]e/i.test(file)) && folder !== "node_modules") folder = dirname(folder);
  const file = readdirSync(folder).find((one) => /^licen[cs]e/i.test(one));
  return `${name} ${version} (${license})\n\n${file && existsSync(join(folder, file)) ? readFileSync(join(folder, file), "utf8").trim() : "Its package holds no text of the licence."}\n`;
});
writeFileSync(join(target, "bundle.LICENSES.txt"), licences.join(`\n${"-".repeat(80)}\n\n`));
