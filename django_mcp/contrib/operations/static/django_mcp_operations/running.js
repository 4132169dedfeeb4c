// Keeps the list of running calls true while it is looked at, and moves no row from under the hand that selects it:
// times and states change in place, a call that ended stays until the page is loaded again, and new ones are announced.
"use strict";

(() => {
  const SECONDS = 2;
  const news = document.getElementById("running-news");
  const more = document.getElementById("running-more");
  const away = document.getElementById("running-away");
  const ages = new Map([...document.querySelectorAll("[data-age]")].map(one => [one.dataset.age, one]));
  const states = new Map([...document.querySelectorAll("[data-state]")].map(one => [one.dataset.state, one]));

  const write = (element, text) => {
    if (element && element.textContent !== text) element.textContent = text;
  };

  const show = now => {
    write(document.querySelector("#content > h2"), now.subtitle);
    for (const key of ages.keys()) {
      const call = now.calls[key];
      if (call) write(ages.get(key), call.age);
      write(states.get(key), call ? call.state : news.dataset.ended);
      ages.get(key).closest("tr").classList.toggle("ended", !call);
    }
    more.hidden = now.newest <= Number(news.dataset.newest);
  };

  const look = async () => {
    const address = new URL(news.dataset.address, location.href);
    address.searchParams.set("shown", [...ages.keys()].join(","));
    const answer = await fetch(address, { headers: { Accept: "application/json" } });
    if (!answer.ok) throw new Error(`${answer.status}`);
    show(await answer.json());
  };

  const run = async () => {
    if (!document.hidden) {
      try {
        await look();
        away.hidden = true;
      } catch {
        away.hidden = false;
      }
    }
    setTimeout(run, SECONDS * 1000);
  };

  run();
})();
