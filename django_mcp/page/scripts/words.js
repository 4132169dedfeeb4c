// The words of the script, in the language of the page: Django's own functions, with the catalog that the page brings.
import { data } from "./data.js";

export function gettext(text) {
  const found = Object.hasOwn(data.catalog, text) ? data.catalog[text] : text;
  return typeof found === "string" ? found : text;
}

// A text with `%(name)s` in it, and the values of the names.
export function interpolate(text, values) {
  return text.replace(/%\((\w+)\)s/g, (all, name) => (name in values ? String(values[name]) : all));
}
