// Visits the airports server as a signed-in client and prints, as JSON, what it saw.
//
//     node visit.js v1|v2 legacy|auto URL TOKEN
//
// v1 is @modelcontextprotocol/sdk, which speaks the handshake era; v2 is @modelcontextprotocol/client, which speaks both.

const [release, mode, url, token] = process.argv.slice(2);

const { Client, StreamableHTTPClientTransport } =
  release === "v2"
    ? await import("@modelcontextprotocol/client")
    : {
        ...(await import("@modelcontextprotocol/sdk/client/index.js")),
        ...(await import("@modelcontextprotocol/sdk/client/streamableHttp.js")),
      };

const client = new Client({ name: "visitor", version: "1" }, release === "v2" ? { versionNegotiation: { mode } } : {});
const transport = new StreamableHTTPClientTransport(new URL(url), {
  requestInit: { headers: { Authorization: `Token ${token}` } },
});
await client.connect(transport);

const call = async (name, args) => (await client.callTool({ name, arguments: args })).structuredContent;
const complete = async (params) => (await client.complete(params)).completion.values;

const { tools } = await client.listTools();
const unknown = await client.callTool({ name: "airport_facts", arguments: { code: "QQQ" } });
const nearest = await call("nearest_airports", { latitude: 51.47, longitude: -0.46, limit: 1 });
const distance = await call("distance", { origin: "LHR", destination: "JFK" });
const { id } = await call("create_trip", { name: "To New York" });
const trip = await call("add_leg", { trip_id: id, origin: "LHR", destination: "JFK" });

const { resources } = await client.listResources();
const { resourceTemplates } = await client.listResourceTemplates();
const { contents } = await client.readResource({ uri: "airport://LHR" });
const missing = await client.readResource({ uri: "airport://QQQ" }).catch((error) => error);

const { prompts } = await client.listPrompts();
const [prompt] = prompts;
const { messages } = await client.getPrompt({ name: prompt.name, arguments: { origin: "LHR", destination: "JFK" } });
const ref = { type: "ref/prompt", name: prompt.name };

const seen = {
  version: transport.protocolVersion,
  server: client.getServerVersion().name,
  tools: tools.map((tool) => tool.name),
  facts: await call("airport_facts", { code: "LHR" }),
  distance_km: Math.round(distance.km),
  nearest: (nearest.result ?? nearest).map((airport) => airport.iata),
  list_is_wrapped: !Array.isArray(nearest),
  unknown: [unknown.isError, ...unknown.content.map((block) => block.text)],
  trip_km: Math.round(trip.km),
  resources: resources.map((resource) => resource.uri),
  templates: resourceTemplates.map((template) => template.uriTemplate),
  resource: JSON.parse(contents[0].text),
  missing: missing.data,
  countries: await complete({
    ref: { type: "ref/resource", uri: "airport://country/{country}" },
    argument: { name: "country", value: "z" },
  }),
  prompt: [prompt.name, ...prompt.arguments.map((argument) => argument.name)],
  message: [messages[0].role, messages[0].content.text.split("\n")[0]],
  origins: await complete({ ref, argument: { name: "origin", value: "lhr" } }),
  destinations_from_there: await complete({
    ref,
    argument: { name: "destination", value: "lhr" },
    context: { arguments: { origin: "LHR" } },
  }),
};

if (transport.sessionId) {
  await transport.terminateSession();
}
await client.close();
console.log(JSON.stringify(seen));
