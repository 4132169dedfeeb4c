// Forms from JSON Schema. A field is `{element, read, write}`: `read` gives the value, `undefined` for none.
import { button, make } from "./dom.js";
import { gettext, interpolate } from "./words.js";

const MAX_DEPTH = 8;
let numbers = 0;

// The schema itself, where it is named by a reference, or is the only one of several.
function resolve(schema, root, depth = 0) {
  if (schema === true || schema === undefined || schema === null || typeof schema !== "object") return {};
  if (depth > 20) return {};
  if (typeof schema.$ref === "string") {
    const path = schema.$ref.replace(/^#\/?/, "").split("/").filter(Boolean);
    const found = path.reduce((node, key) => (node || {})[decodeURIComponent(key).replaceAll("~1", "/").replaceAll("~0", "~")], root);
    const { $ref, ...rest } = schema;
    return { ...resolve(found, root, depth + 1), ...rest };
  }
  if (Array.isArray(schema.allOf)) {
    const { allOf, ...rest } = schema;
    return allOf.map((one) => resolve(one, root, depth + 1)).concat(rest).reduce(merge, {});
  }
  return schema;
}

function merge(first, second) {
  const merged = { ...first, ...second };
  if (first.properties && second.properties) merged.properties = { ...first.properties, ...second.properties };
  if (first.required && second.required) merged.required = [...first.required, ...second.required];
  return merged;
}

// The schema without null, and whether it had it.
function withoutNull(schema, root) {
  if (Array.isArray(schema.type)) {
    const types = schema.type.filter((one) => one !== "null");
    const nullable = types.length < schema.type.length;
    if (types.length === 1) return [{ ...schema, type: types[0] }, nullable];
    return [{ ...schema, type: undefined, anyOf: types.map((type) => ({ ...schema, type })) }, nullable];
  }
  const key = schema.anyOf ? "anyOf" : schema.oneOf ? "oneOf" : null;
  if (key) {
    const members = schema[key].filter((one) => resolve(one, root).type !== "null");
    const nullable = members.length < schema[key].length;
    const { [key]: _all, ...rest } = schema;
    if (members.length === 1) return [{ ...resolve(members[0], root), ...rest }, nullable];
    return [{ ...rest, [key]: members }, nullable];
  }
  if (Array.isArray(schema.enum) && schema.enum.includes(null)) return [{ ...schema, enum: schema.enum.filter((one) => one !== null) }, true];
  return [schema, false];
}

// The values that a schema lets one choose from, each with a name: `[value, name]`.
function choicesOf(schema) {
  if (Array.isArray(schema.enum)) return schema.enum.map((value, at) => [value, (schema.enumNames || [])[at] ?? String(value)]);
  if ("const" in schema) return [[schema.const, schema.title ?? String(schema.const)]];
  const several = schema.oneOf || schema.anyOf;
  if (Array.isArray(several) && several.length && several.every((one) => one && typeof one === "object" && "const" in one))
    return several.map((one) => [one.const, one.title ?? String(one.const)]);
  return null;
}

// A field with its label and description around it.
function field(given, root, name, required = false, depth = 0) {
  const [schema, nullable] = withoutNull(resolve(given, root), root);
  const label = schema.title && String(schema.title).toLowerCase() !== name.toLowerCase().replaceAll("_", " ") ? `${name} · ${schema.title}` : name;
  const context = { schema, root, name, label, required, nullable, depth };
  // A schema that holds itself has no end.
  const made = (depth > MAX_DEPTH ? jsonField : kindOf(schema))(context);
  const empty = required && nullable ? null : undefined;
  const read = made.read;
  made.read = () => { const value = read(); return value === undefined ? empty : value; };
  if (schema.default !== undefined && schema.default !== null) made.write(schema.default);
  return made;
}

function kindOf(schema) {
  const choices = choicesOf(schema);
  if (choices) return choiceField;
  if (schema.anyOf || schema.oneOf) return unionField;
  if (schema.type === "boolean") return booleanField;
  if (schema.type === "integer" || schema.type === "number") return numberField;
  if (schema.type === "object" || schema.properties) return schema.properties && Object.keys(schema.properties).length ? objectField : jsonField;
  if (schema.type === "array") return arrayField;
  if (schema.type === "string") return isBase64(schema) ? fileField : textField;
  return jsonField;
}

function isBase64(schema) {
  return schema.contentEncoding === "base64" || ["binary", "byte", "base64", "base64url", "data-url"].includes(schema.format);
}

function requiredMark() {
  return make("span", { class: "required", text: ` ${gettext("required")}` });
}

function around(context, control) {
  const { schema, label, required } = context;
  control.id = `field-${++numbers}`;
  const help = helpOf(schema);
  if (help) help.id = `${control.id}-help`;
  if (help) control.setAttribute("aria-describedby", help.id);
  const mark = required ? requiredMark() : null;
  return make("div", { class: "field" }, make("label", { for: control.id, text: label }, mark), help, control);
}

function helpOf(schema) {
  const limits = {
    minimum: gettext("at least #"), exclusiveMinimum: gettext("more than #"), maximum: gettext("at most #"), exclusiveMaximum: gettext("less than #"),
    multipleOf: gettext("a multiple of #"), minLength: gettext("at least # characters"), maxLength: gettext("at most # characters"),
    minItems: gettext("at least # entries"), maxItems: gettext("at most # entries"), pattern: gettext("pattern #"), format: gettext("format #"),
  };
  const rules = Object.keys(limits).filter((key) => schema[key] !== undefined).map((key) => limits[key].replace("#", () => schema[key]));
  const text = [schema.description, rules.join(", ")].filter(Boolean).join("\n");
  return text ? make("p", { class: "help", text }) : null;
}

function choiceField(context) {
  const choices = choicesOf(context.schema);
  const select = make("select", { required: context.required && !context.nullable });
  if (!context.required || context.nullable || choices.length > 1) select.append(make("option", { value: "", text: "—" }));
  choices.forEach(([, text], at) => select.append(make("option", { value: at, text })));
  const write = (value) => {
    const at = choices.findIndex(([one]) => JSON.stringify(one) === JSON.stringify(value));
    select.value = at < 0 ? "" : String(at);
  };
  return { element: around(context, select), read: () => (select.value === "" ? undefined : choices[select.value][0]), write };
}

function booleanField(context) {
  return choiceField({ ...context, schema: { ...context.schema, enum: [true, false], enumNames: [gettext("yes"), gettext("no")] } });
}

function numberField(context) {
  const { schema, required, nullable } = context;
  const step = schema.multipleOf ?? (schema.type === "integer" ? 1 : "any");
  const input = make("input", { type: "number", step, min: schema.minimum, max: schema.maximum, required: required && !nullable });
  const check = () => {
    const value = input.valueAsNumber;
    const isOut = value <= schema.exclusiveMinimum || value >= schema.exclusiveMaximum;
    input.setCustomValidity(isOut ? gettext("This number is out of its range.") : "");
  };
  input.addEventListener("input", check);
  const read = () => (input.value === "" ? undefined : input.valueAsNumber);
  return { element: around(context, input), read, write: (value) => { input.value = value ?? ""; check(); } };
}

const TYPES = { date: "date", time: "time", "date-time": "datetime-local", email: "email", uri: "url", password: "password" };

function textField(context) {
  const { schema, required, nullable } = context;
  const type = TYPES[schema.format] || "text";
  const isLong = type === "text" && (schema.maxLength > 200 || schema.format === "textarea");
  const common = { required: required && !nullable, minlength: schema.minLength, maxlength: schema.maxLength };
  const input = isLong ? make("textarea", common) : make("input", { type, step: type === "datetime-local" || type === "time" ? "any" : undefined, ...common });
  const pattern = patternOf(schema.pattern);
  const check = () => input.setCustomValidity(pattern && input.value && !pattern.test(input.value) ? interpolate(gettext("This does not match %(pattern)s"), { pattern: schema.pattern }) : "");
  input.addEventListener("input", check);
  const isMoment = type === "datetime-local";
  const read = () => {
    if (input.value === "") return undefined;
    return isMoment ? new Date(input.value).toISOString() : input.value;
  };
  const write = (value) => { input.value = isMoment ? localMoment(value) : value ?? ""; check(); };
  return { element: around(context, input), read, write, input };
}

function localMoment(value) {
  const moment = new Date(value);
  return Number.isNaN(moment.valueOf()) ? "" : new Date(moment - moment.getTimezoneOffset() * 60000).toISOString().slice(0, 19);
}

function patternOf(pattern) {
  try {
    return pattern ? new RegExp(pattern, "u") : null;
  } catch {
    return null; // A pattern of another language: the server looks.
  }
}

function fileField(context) {
  const input = make("input", { type: "file", required: context.required && !context.nullable });
  let held;
  input.addEventListener("change", () => {
    const file = input.files[0];
    held = undefined;
    if (!file) return;
    const reader = new FileReader();
    reader.onload = () => { held = context.schema.format === "data-url" ? reader.result : reader.result.slice(reader.result.indexOf(",") + 1); };
    reader.readAsDataURL(file);
  });
  const write = (value) => { held = value ?? undefined; if (held) input.required = false; };
  return { element: around(context, input), read: () => held, write };
}

function jsonField(context) {
  const isObject = context.schema.type === "object";
  const area = make("textarea", { class: "code", spellcheck: "false", placeholder: isObject ? "{}" : "JSON", required: context.required && !context.nullable });
  area.addEventListener("input", () => area.setCustomValidity(problemOf(area.value, isObject)));
  const read = () => (area.value.trim() === "" || problemOf(area.value, isObject) ? undefined : JSON.parse(area.value));
  return { element: around(context, area), read, write: (value) => { area.value = value === undefined ? "" : JSON.stringify(value, null, 2); area.setCustomValidity(""); } };
}

function problemOf(text, isObject) {
  if (text.trim() === "") return "";
  try {
    const value = JSON.parse(text);
    return isObject && (value === null || typeof value !== "object" || Array.isArray(value)) ? gettext("This must be a JSON object.") : "";
  } catch (error) {
    return interpolate(gettext("This is no JSON: %(error)s"), { error: error.message });
  }
}

// An optional object is built when it is opened, so that a schema may hold itself.
function objectField(context) {
  const { schema, root, label, required, depth } = context;
  let fields = null;
  const inner = make("div");
  const build = () => { if (!fields) { fields = fieldsOf(schema, root, depth + 1); inner.append(...Object.values(fields).map((one) => one.element)); } };
  const head = [make("legend", { text: label }, required ? requiredMark() : null), helpOf(schema)];
  const element = make("fieldset", {}, ...head, inner);
  if (required) build();
  const opener = button(interpolate(gettext("Fill in %(label)s"), { label }), () => { build(); opener.remove(); });
  if (!required) inner.append(opener);
  const read = () => {
    const value = fields ? readAll(fields) : {};
    return required || Object.keys(value).length ? value : undefined;
  };
  const write = (value) => { if (value && typeof value === "object") { build(); opener.remove(); writeAll(fields, value); } };
  return { element, read, write };
}

function arrayField(context) {
  const { schema, root, label, required, depth } = context;
  const [items] = withoutNull(resolve(schema.items, root), root);
  if (choicesOf(items)) return severalField(context, choicesOf(items));
  const rows = [];
  const list = make("div");
  const add = (value) => {
    const one = field(schema.items, root, `${label} ${rows.length + 1}`, true, depth + 1);
    if (value !== undefined) one.write(value);
    const row = make("div", { class: "item" }, one.element);
    row.append(button(gettext("Remove"), () => { rows.splice(rows.findIndex((each) => each.one === one), 1); row.remove(); adder.focus(); }, { "aria-label": interpolate(gettext("Remove an entry of %(label)s"), { label }) }));
    rows.push({ one, row });
    list.append(row);
    return row;
  };
  const adder = button(interpolate(gettext("Add to %(label)s"), { label }), () => { const first = add().querySelector("input, select, textarea, button"); if (first) first.focus(); });
  const mark = required ? requiredMark() : null;
  const element = make("fieldset", {}, make("legend", { text: label }, mark), helpOf(schema), list, adder);
  if (required && depth < 5) for (let count = Math.min(schema.minItems || 0, 10); count > 0; count--) add();
  const read = () => (rows.length || required ? rows.map(({ one }) => one.read()) : undefined);
  const write = (values) => { rows.splice(0).forEach(({ row }) => row.remove()); if (Array.isArray(values)) values.forEach(add); };
  return { element, read, write };
}

function severalField(context, choices) {
  const boxes = choices.map(([value, text]) => {
    const box = make("input", { type: "checkbox", id: `field-${++numbers}` });
    return { value, box, element: make("div", { class: "check" }, box, make("label", { for: box.id, text })) };
  });
  const element = make("fieldset", {}, make("legend", { text: context.label }), helpOf(context.schema), ...boxes.map((one) => one.element));
  const read = () => {
    const chosen = boxes.filter((one) => one.box.checked).map((one) => one.value);
    return chosen.length || context.required ? chosen : undefined;
  };
  return { element, read, write: (values) => boxes.forEach((one) => { one.box.checked = (values || []).includes(one.value); }) };
}

function unionField(context) {
  const { schema, root, label, required, nullable, depth } = context;
  const given = schema.anyOf || schema.oneOf;
  const members = given.map((one) => resolve(one, root));
  const parts = (one) => Object.keys(one.properties || {}).join(", ");
  const nameOf = (one, at) => one.title || (given[at].$ref || "").split("/").pop() || parts(one) || one.type || interpolate(gettext("kind %(number)s"), { number: at + 1 });
  const select = make("select", { required: required && !nullable }, make("option", { value: "", text: "—" }));
  members.forEach((one, at) => select.append(make("option", { value: at, text: nameOf(one, at) })));
  const place = make("div");
  let current = null;
  const choose = (at) => {
    select.value = at;
    current = at === "" ? null : field(members[at], root, label, true, depth + 1);
    place.replaceChildren(...(current ? [current.element] : []));
  };
  select.addEventListener("change", () => choose(select.value));
  const kind = around({ ...context, label: interpolate(gettext("%(label)s: kind"), { label }) }, select);
  const write = (value) => {
    if (value === undefined || value === null) return choose("");
    const at = members.findIndex((one) => fits(one, value, root));
    choose(String(at < 0 ? 0 : at));
    current.write(value);
  };
  return { element: make("div", {}, kind, place), read: () => (current ? current.read() : undefined), write };
}

// Whether a value may be of a schema, as far as its form tells.
function fits(schema, value, root) {
  const type = Array.isArray(value) ? "array" : value === null ? "null" : typeof value;
  const wanted = schema.type === "integer" ? "number" : schema.type;
  if (wanted && wanted !== type) return false;
  return Object.entries(schema.properties || {}).every(([name, entry]) => {
    const choices = choicesOf(resolve(entry, root));
    return !(choices && value[name] !== undefined) || choices.some(([one]) => one === value[name]);
  }) && (schema.required || []).every((name) => name in value);
}

function fieldsOf(schema, root, depth = 0) {
  const required = schema.required || [];
  const made = Object.entries(schema.properties || {}).map(([name, entry]) => [name, field(entry, root, name, required.includes(name), depth)]);
  return Object.fromEntries(made);
}

function readAll(fields) {
  const read = Object.entries(fields).map(([name, one]) => [name, one.read()]);
  return Object.fromEntries(read.filter(([, value]) => value !== undefined));
}

function writeAll(fields, values) {
  for (const [name, one] of Object.entries(fields)) one.write(values[name]);
}

// The form of an object's schema with a JSON editor beside it: `{element, read, isValid}`.
export function formOf(schema) {
  const root = schema || {};
  const top = resolve(root, root);
  const fields = fieldsOf(top, root);
  const area = make("textarea", { class: "code", spellcheck: "false", "aria-label": gettext("Arguments as JSON"), rows: 8 });
  const plain = make("fieldset", { class: "plain", "aria-label": gettext("Arguments") }, ...Object.values(fields).map((one) => one.element));
  const raw = make("div", { hidden: true }, area);
  area.addEventListener("input", () => area.setCustomValidity(problemOf(area.value, true)));
  // Values that the form has no field for stay as they were written.
  let others = {};
  const toggle = button(gettext("Edit as JSON"), () => (raw.hidden ? toRaw() : toForm()), { "aria-pressed": "false" });
  const show = (isRaw) => { raw.hidden = !isRaw; plain.hidden = plain.disabled = isRaw; area.disabled = !isRaw; toggle.setAttribute("aria-pressed", String(isRaw)); };
  const toRaw = () => { area.value = JSON.stringify({ ...others, ...readAll(fields) }, null, 2); area.setCustomValidity(""); show(true); area.focus(); };
  const toForm = () => {
    if (!area.reportValidity()) return;
    const values = JSON.parse(area.value || "{}");
    others = Object.fromEntries(Object.entries(values).filter(([name]) => !(name in fields)));
    writeAll(fields, values);
    show(false);
  };
  show(false);
  const read = () => (raw.hidden ? { ...others, ...readAll(fields) } : JSON.parse(area.value || "{}"));
  const write = (values) => { writeAll(fields, values); if (!raw.hidden) area.value = JSON.stringify(values, null, 2); };
  return { element: make("div", {}, plain, raw), toggle, fields, read, write };
}
