// Values of a message as headers of its request. The preview of apps has a client of its own, and includes this file.

// A header holds visible ASCII; everything else travels as Base64 of UTF-8.
export function headerValue(value) {
  const text = String(value);
  if (/^[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?$/.test(text) && !/^=\?base64\?.*\?=$/.test(text)) return text;
  return `=?base64?${btoa(Array.from(new TextEncoder().encode(text), (byte) => String.fromCharCode(byte)).join(""))}?=`;
}

// The arguments that a tool wants as headers.
export function paramHeaders(schema, values, found = {}) {
  for (const [name, entry] of Object.entries((schema && schema.properties) || {})) {
    const value = values && values[name];
    if (value === undefined || value === null || !entry) continue;
    if (entry["x-mcp-header"]) found[`Mcp-Param-${entry["x-mcp-header"]}`] = headerValue(value);
    else if (typeof value === "object") paramHeaders(entry, value, found);
  }
  return found;
}
