// A host of apps made of the official packages: their AppBridge talks with the app, their client with the server.
import { AppBridge, PostMessageTransport, buildAllowAttribute, getToolUiResourceUri } from "@modelcontextprotocol/ext-apps/app-bridge";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";

const MIME_TYPE = "text/html;profile=mcp-app";

// Shows the app of a tool, and calls the tool for it. `told` is everything that the app says to the host.
window.show = async (url, token, name, args) => {
  const client = new Client(
    { name: "official", version: "1" },
    { capabilities: { extensions: { "io.modelcontextprotocol/ui": { mimeTypes: [MIME_TYPE] } } }, versionNegotiation: { mode: "auto" } },
  );
  const requestInit = { headers: { Authorization: `Token ${token}` } };
  await client.connect(new StreamableHTTPClientTransport(new URL(url, location), { requestInit }));
  const { tools } = await client.listTools();
  const tool = tools.find((one) => one.name === name);
  const { contents: [content] } = await client.readResource({ uri: getToolUiResourceUri(tool) });

  const told = (window.told = { errors: [], sizes: [], links: [], contexts: [], messages: [], modes: [] });
  const bridge = (window.bridge = new AppBridge(
    client,
    { name: "official", version: "2.0.4" },
    { serverTools: {}, serverResources: {}, openLinks: {}, message: { text: {} }, updateModelContext: { text: {} } },
    { hostContext: { theme: "light", displayMode: "inline", styles: { variables: { "--color-text-primary": "#010203" } } } },
  ));
  bridge.onerror = (error) => told.errors.push(String(error));
  bridge.onsizechange = (size) => told.sizes.push(size);
  bridge.onopenlink = async ({ url }) => { told.links.push(url); return {}; };
  bridge.onmessage = async (message) => { told.messages.push(message); return {}; };
  bridge.onupdatemodelcontext = async (context) => { told.contexts.push(context); return {}; };
  bridge.onrequestdisplaymode = async ({ mode }) => { told.modes.push(mode); return { mode: "inline" }; };

  const frame = document.body.appendChild(document.createElement("iframe"));
  frame.sandbox = "allow-scripts";
  frame.allow = buildAllowAttribute(content._meta?.ui?.permissions);
  frame.style.cssText = "width:700px;height:900px;border:0";
  const initialized = new Promise((resolve) => { bridge.oninitialized = resolve; });
  await bridge.connect(new PostMessageTransport(frame.contentWindow, frame.contentWindow));
  frame.srcdoc = content.text;
  await initialized;
  await bridge.sendToolInput({ arguments: args });
  await bridge.sendToolResult(await client.callTool({ name, arguments: args }));
  return { mimeType: content.mimeType, app: bridge.getAppVersion(), capabilities: bridge.getAppCapabilities() };
};
