// The panels around the primitives: the connection with its era and session, and the drawer of messages.
import { choose, closeSession, connect, era, forget, onChange, session, versionOf } from "./client.js";
import { data } from "./data.js";
import { button, copyFrom, lazily, make } from "./dom.js";
import { wireOf } from "./results.js";
import { exchanges, follow } from "./wire.js";
import { gettext, interpolate } from "./words.js";

const NAMES = {
  modern: gettext("Modern: each request stands alone"),
  handshake: gettext("Handshake: requests in a session"),
};

export function showConnection() {
  const place = document.getElementById("connection");
  if (!place) return;
  const select = make("select", { id: "era" }, ...data.eras.map((name) => make("option", { value: name, text: `${NAMES[name]} (${versionOf(name)})` })));
  const said = make("p", { role: "status", class: "soft", id: "session" });
  const open = button(gettext("Open a session"), () => connect().catch((error) => { said.textContent = error.message; }));
  const close = button(gettext("Close the session"), () => closeSession().catch(forget));
  const show = () => {
    select.value = era();
    const isModern = era() === "modern";
    said.textContent = isModern ? gettext("This era has no sessions.")
      : session() ? interpolate(gettext("Session %(id)s is open. A reload of the page goes on in it."), { id: `${session().slice(0, 8)}…` }) : gettext("No session is open: the first call opens one.");
    open.hidden = isModern || Boolean(session());
    close.hidden = isModern || !session();
  };
  select.addEventListener("change", () => choose(select.value));
  place.append(make("label", { for: "era", text: gettext("Era of the protocol") }), select, said, make("div", { class: "buttons" }, open, close));
  onChange(show);
  show();
}

function titleOf({ message, method, status, milliseconds, bytes, failure }) {
  const name = message?.method || (message ? gettext("answer") : method);
  const target = message?.params?.name || message?.params?.uri || "";
  const took = milliseconds === null ? gettext("open") : interpolate(gettext("%(milliseconds)s ms"), { milliseconds });
  return [name, target, failure ? gettext("failed") : status || "…", took, interpolate(gettext("%(count)s characters"), { count: bytes })].filter(Boolean).join(" · ");
}

// Every exchange over the wire, the newest first. A row is made when it is first heard of, and said anew afterwards.
export function showDrawer() {
  const list = document.getElementById("exchanges");
  if (!list) return;
  const rows = new Map();
  const count = document.getElementById("exchange-count");
  follow((exchange) => {
    let row = rows.get(exchange);
    if (!row) {
      row = lazily("", () => [wireOf(exchange)]);
      rows.set(exchange, row);
      list.prepend(make("li", {}, row));
      for (const old of rows.keys()) if (!exchanges.includes(old)) { rows.get(old).parentElement.remove(); rows.delete(old); }
      count.textContent = String(exchanges.length);
    }
    row.firstElementChild.textContent = titleOf(exchange);
    // It was opened before all of it was there.
    if (row.childElementCount > 1 && exchange.milliseconds !== null) row.lastElementChild.replaceWith(wireOf(exchange));
  });
}

// Buttons that the template has made beside a text.
export function showCopies() {
  for (const one of document.querySelectorAll("[data-copy]")) {
    const said = make("span", { role: "status", class: "soft" });
    one.hidden = false;
    one.after(said);
    const text = document.getElementById(one.dataset.copy);
    one.addEventListener("click", async () => { said.textContent = (await copyFrom(text)) ? gettext("Copied") : gettext("Copy what is marked"); });
  }
}
