"use strict";
// Answers as people read them. Everything is text: nothing that a server sends becomes markup, and links are only shown.
const Results = (() => {
  const { make, button } = Forms;
  const MAX_CHARACTERS = 100000;
  const MAX_ENTRIES = 100;
  const MAX_DEPTH = 40;

  function textOf(text) {
    const whole = String(text);
    const pre = make("pre", { text: whole.slice(0, MAX_CHARACTERS), tabindex: "0" });
    if (whole.length <= MAX_CHARACTERS) return pre;
    return make("div", {}, pre, make("p", { class: "soft", text: `Cut: ${whole.length - MAX_CHARACTERS} more characters are not shown.` }));
  }

  function json(value) {
    return textOf(JSON.stringify(value, null, 2));
  }

  function copyable(label, text) {
    const said = make("span", { role: "status", class: "soft" });
    const copy = () => navigator.clipboard.writeText(text).then(() => { said.textContent = "Copied"; }, () => { said.textContent = "Copy it by hand"; });
    return make("div", {}, make("h4", { text: label }), textOf(text), button("Copy", copy), said);
  }

  // A value as a tree, whose branches are made when they are opened.
  function tree(value, name = "", depth = 0) {
    const prefix = name === "" ? "" : `${name}: `;
    if (value === null || typeof value !== "object") return make("div", { text: prefix + JSON.stringify(value)?.slice(0, MAX_CHARACTERS) });
    const entries = Object.entries(value);
    const kind = Array.isArray(value) ? `list of ${entries.length}` : `object of ${entries.length}`;
    const branch = make("details", {}, make("summary", { text: prefix + kind }));
    const grow = () => {
      if (branch.childElementCount > 1) return;
      if (depth >= MAX_DEPTH) return branch.append(make("div", { class: "soft", text: "Deeper than is shown" }));
      branch.append(...entries.slice(0, MAX_ENTRIES).map(([key, one]) => tree(one, key, depth + 1)));
      if (entries.length > MAX_ENTRIES) branch.append(make("div", { class: "soft", text: `${entries.length - MAX_ENTRIES} more are not shown` }));
    };
    branch.addEventListener("toggle", grow);
    if (depth === 0) { branch.open = true; grow(); }
    return branch;
  }

  function isRow(value) {
    return value !== null && typeof value === "object" && !Array.isArray(value) && Object.keys(value).length <= 20;
  }

  function table(rows) {
    const columns = [...new Set(rows.slice(0, MAX_ENTRIES).flatMap(Object.keys))].slice(0, 20);
    const cell = (value) => make("td", { text: (value === undefined ? "" : typeof value === "string" ? value : JSON.stringify(value)).slice(0, 300) });
    const head = make("tr", {}, ...columns.map((name) => make("th", { scope: "col", text: name })));
    const body = rows.slice(0, MAX_ENTRIES).map((row) => make("tr", {}, ...columns.map((name) => cell(row[name]))));
    const left = rows.length - body.length;
    const shown = make("div", { class: "wide", tabindex: "0", role: "region", "aria-label": "Table" }, make("table", {}, make("thead", {}, head), make("tbody", {}, ...body)));
    return left > 0 ? make("div", {}, shown, make("p", { class: "soft", text: `${left} more rows are not shown` })) : shown;
  }

  function structured(value) {
    const keys = Object.keys(value || {});
    const inner = keys.length === 1 && Array.isArray(value[keys[0]]) ? value[keys[0]] : value;
    const rows = Array.isArray(inner) && inner.length && inner.every(isRow) ? table(inner) : null;
    const branches = () => [make("div", { class: "tree" }, tree(value))];
    return make("div", {}, make("h4", { text: "Structured content" }), ...(rows ? [rows, lazily("As a tree", branches)] : branches()));
  }

  function media(block) {
    const source = `data:${block.mimeType};base64,${block.data}`;
    if (/^image\/[\w.+-]+$/.test(block.mimeType)) return make("img", { class: "shown", src: source, alt: `Image, ${block.mimeType}` });
    if (/^audio\/[\w.+-]+$/.test(block.mimeType)) return make("audio", { controls: true, src: source });
    return make("p", { text: `${block.mimeType}, ${String(block.data).length} characters of Base64` });
  }

  function resource(contents) {
    const head = make("p", { class: "soft", text: [contents.uri, contents.mimeType].filter(Boolean).join(" · ") });
    const kind = contents.mimeType || "";
    const body = contents.text !== undefined ? textOf(contents.text) : media({ mimeType: kind || "data", data: contents.blob || "" });
    return make("div", {}, head, body);
  }

  function block(one) {
    switch (one && one.type) {
      case "text": return textOf(one.text);
      case "image": case "audio": return media(one);
      case "resource": return resource(one.resource || {});
      case "resource_link": return make("p", { text: `Link: ${one.name || ""} ${one.uri}` });
    }
    return json(one);
  }

  function many(values, show) {
    const shown = values.slice(0, MAX_ENTRIES).map(show);
    if (values.length > MAX_ENTRIES) shown.push(make("p", { class: "soft", text: `${values.length - MAX_ENTRIES} more are not shown` }));
    return shown;
  }

  // The content of a result, whichever method it is of.
  function content(result) {
    const parts = [];
    if (Array.isArray(result.messages)) parts.push(...many(result.messages, (one) => make("div", {}, make("h4", { text: one.role }), block(one.content))));
    if (Array.isArray(result.contents)) parts.push(...many(result.contents, resource));
    if (result.structuredContent !== undefined) parts.push(structured(result.structuredContent));
    const blocks = () => many(result.content, block);
    if (Array.isArray(result.content)) parts.push(...(parts.length ? [lazily("Content, as a model reads it", blocks)] : blocks()));
    return parts.length ? parts : [json(result)];
  }

  // How a call went and how long it took, and whether that is bad.
  function verdict(exchange) {
    const { reply, milliseconds } = exchange;
    const took = `in ${milliseconds} ms`;
    if (reply.error) return [`Error ${reply.error.code} ${took}`, true];
    return reply.result.isError ? [`The tool failed ${took}`, true] : [`Done ${took}`, false];
  }

  function wire(exchanges) {
    const parts = exchanges.map((exchange) => make("div", {},
      make("h4", { text: "Sent" }), json(exchange.message),
      make("h4", { text: `Received (HTTP ${exchange.status})` }), ...exchange.received.map(json),
      exchange.left ? make("p", { class: "soft", text: `${exchange.left} more messages are not shown` }) : null,
      copyable("The same with curl, by the credentials that you add", MCP.curl(exchange))));
    return lazily("Messages", () => parts);
  }

  function lazily(title, parts) {
    const details = make("details", {}, make("summary", { text: title }));
    details.addEventListener("toggle", () => { if (details.childElementCount === 1) details.append(...parts()); });
    return details;
  }

  function show(place, exchanges) {
    const exchange = exchanges[exchanges.length - 1];
    const [text, isError] = verdict(exchange);
    const body = exchange.reply.error
      ? [textOf(exchange.reply.error.message), exchange.reply.error.data === undefined ? null : json(exchange.reply.error.data)]
      : content(exchange.reply.result);
    if ([401, 403].includes(exchange.status)) body.push(make("p", { text: "You may have been signed out: reload the page, and sign in." }));
    place.status.textContent = text;
    place.status.classList.toggle("error", isError);
    place.body.replaceChildren(...body.filter(Boolean), wire(exchanges));
  }

  return { show, json, lazily, textOf };
})();
