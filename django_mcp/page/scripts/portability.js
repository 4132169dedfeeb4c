// Parts of a tool's definition that not every client or model reads. Each is allowed by the protocol.
import { gettext, interpolate } from "./words.js";

const MAX_NAME = 64;
const MAX_NODES = 5000;

const KEYWORDS = {
  $ref: gettext("references ($ref), which some clients take for anything at all"),
  anyOf: gettext("unions (anyOf, oneOf), which some models' APIs refuse or cut"),
  oneOf: gettext("unions (anyOf, oneOf), which some models' APIs refuse or cut"),
  allOf: gettext("merged schemas (allOf), which some models' APIs refuse"),
  not: gettext("conditions (not, if, dependent…), which most clients leave out"),
  if: gettext("conditions (not, if, dependent…), which most clients leave out"),
  dependentRequired: gettext("conditions (not, if, dependent…), which most clients leave out"),
  dependentSchemas: gettext("conditions (not, if, dependent…), which most clients leave out"),
  patternProperties: gettext("names by pattern (patternProperties), which some models' APIs refuse"),
  prefixItems: gettext("tuples (prefixItems), which some models' APIs refuse"),
};

function isNullable(members) {
  return members.length === 2 && members.some((one) => one && one.type === "null");
}

// The words about a definition, each once.
export function portabilityOf(definition) {
  const found = new Set();
  const { name } = definition;
  if (name.length > MAX_NAME) found.add(interpolate(gettext("a name of more than %(count)s characters"), { count: MAX_NAME }));
  if (!/^[A-Za-z0-9_-]+$/.test(name)) found.add(gettext("a name with other characters than letters, digits, _ and -"));
  const schema = definition.inputSchema || {};
  if (schema.anyOf || schema.oneOf || schema.allOf || schema.$ref) found.add(gettext("a schema that is no plain object at its root"));
  const nodes = [schema];
  for (let at = 0; at < nodes.length && at < MAX_NODES; at++) {
    const node = nodes[at];
    for (const [key, value] of Object.entries(node)) {
      const isKeyword = typeof node.type === "string" || key in KEYWORDS;
      if (isKeyword && Object.hasOwn(KEYWORDS, key) && !(Array.isArray(value) && isNullable(value))) found.add(KEYWORDS[key]);
      if (key === "type" && Array.isArray(value)) found.add(gettext("several types at once (a list as type)"));
      if (key === "properties" && value && typeof value === "object") nodes.push(...Object.values(value).filter(isObject));
      else if (key !== "default" && key !== "examples" && key !== "enum" && key !== "const" && value && typeof value === "object") nodes.push(...(Array.isArray(value) ? value : [value]).filter(isObject));
    }
  }
  return [...found];
}

function isObject(value) {
  return value !== null && typeof value === "object" && !Array.isArray(value);
}
