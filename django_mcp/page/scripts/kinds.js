// The kinds of primitives: the schema of each one's form, and the request that its values make.
import { gettext } from "./words.js";

export const KINDS = {
  tools: { verb: gettext("Call"), schema: (one) => one.inputSchema, request: (one, values) => ["tools/call", { name: one.name, arguments: values }] },
  prompts: {
    verb: gettext("Get"), schema: promptSchema, request: (one, values) => ["prompts/get", { name: one.name, arguments: values }],
    ref: (one) => ({ type: "ref/prompt", name: one.name }),
  },
  resources: { verb: gettext("Read"), schema: () => ({}), request: (one) => ["resources/read", { uri: one.uri }] },
  resourceTemplates: {
    verb: gettext("Read"), schema: templateSchema, request: (one, values) => ["resources/read", { uri: expand(one.uriTemplate, values) }],
    ref: (one) => ({ type: "ref/resource", uri: one.uriTemplate }),
  },
};

function promptSchema(definition) {
  const given = definition.arguments || [];
  const entries = given.map((one) => [one.name, { type: "string", title: one.title, description: one.description }]);
  return { type: "object", properties: Object.fromEntries(entries), required: given.filter((one) => one.required).map((one) => one.name) };
}

const EXPRESSION = /\{([+#./;?&]?)([^{}]+)\}/g;

function templateSchema(definition) {
  const found = [...definition.uriTemplate.matchAll(EXPRESSION)].flatMap(([, operator, names]) =>
    names.split(",").map((name) => ({ name: name.replace(/[*:].*$/, ""), isOptional: "?&".includes(operator) && operator !== "" })));
  const properties = Object.fromEntries(found.map(({ name }) => [name, { type: "string" }]));
  return { type: "object", properties, required: found.filter((one) => !one.isOptional).map((one) => one.name) };
}

// RFC 6570, as far as templates of resources go.
export function expand(template, values) {
  return template.replace(EXPRESSION, (_all, operator, names) => {
    const encode = (text) => ("+#".includes(operator) && operator ? encodeURI(text) : encodeURIComponent(text));
    const given = names.split(",").map((name) => name.replace(/[*:].*$/, "")).filter((name) => values[name] !== undefined);
    if (!given.length) return "";
    const isNamed = [";", "?", "&"].includes(operator);
    const parts = given.map((name) => (isNamed ? `${name}=${encode(values[name])}` : encode(values[name])));
    const between = { "": ",", "+": ",", "#": ",", "?": "&" }[operator] ?? operator;
    return ("+".includes(operator) ? "" : operator) + parts.join(between);
  });
}

export function isDestructive(kind, definition) {
  const hints = definition.annotations || {};
  return kind === "tools" && !hints.readOnlyHint && hints.destructiveHint !== false;
}
