"use strict";
(() => {
  const SVG = "http://www.w3.org/2000/svg";
  const flight = document.getElementById("flight");
  const marks = document.getElementById("marks");

  function draw(airports) {
    marks.replaceChildren(...airports.map((airport) => {
      const mark = document.createElementNS(SVG, "circle");
      mark.setAttribute("class", "mark");
      mark.setAttribute("cx", airport.longitude);
      mark.setAttribute("cy", -airport.latitude);
      mark.setAttribute("r", 2.6);
      mark.dataset.iata = airport.iata;
      mark.appendChild(document.createElementNS(SVG, "title")).textContent = `${airport.iata} ${airport.name}`;
      return mark;
    }));
  }

  // The first airport that is chosen is the origin of the flight, the next its destination.
  function choose(iata) {
    const field = flight.origin.value ? flight.destination : flight.origin;
    field.value = iata;
    for (const mark of marks.children) mark.classList.toggle("chosen", mark.dataset.iata === iata);
  }

  mcp.onInput((input) => { document.getElementById("search").query.value = input.query || ""; });
  mcp.onResult((result) => draw((result.structuredContent || {}).airports || []));
  mcp.ready.then(() => mcp.callTool("map_background")).then((result) => {
    document.getElementById("land").setAttribute("d", result.structuredContent.path);
  });
  document.addEventListener("click", (event) => {
    const chosen = event.target.closest("[data-iata]");
    if (chosen) choose(chosen.dataset.iata);
  });
  document.getElementById("search").addEventListener("mcp:done", (event) => {
    draw(event.detail.result.structuredContent.airports);
  });
  flight.addEventListener("mcp:done", (event) => {
    const trip = event.detail.result.structuredContent.data;
    const last = trip.legs[trip.legs.length - 1];
    document.getElementById("saved").textContent = `${last.origin} to ${last.destination} is in “${trip.name}”.`;
    mcp.updateContext(`The user added the flight ${last.origin} to ${last.destination} to the trip ${trip.name}.`).catch(() => {});
    flight.origin.value = last.destination;
    flight.destination.value = "";
  });
  flight.addEventListener("mcp:errors", () => { document.getElementById("saved").textContent = ""; });
})();
