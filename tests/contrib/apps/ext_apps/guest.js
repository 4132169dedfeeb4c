// An app made of the official package, in the place of our script.
import { App } from "@modelcontextprotocol/ext-apps";

const app = new App({ name: "guest", version: "1" }, {});
const heard = (window.heard = { errors: [] });
app.onerror = (error) => heard.errors.push(String(error));
app.ontoolinput = (params) => { heard.input = params.arguments; };
app.ontoolresult = (params) => { heard.result = params.structuredContent; };
app.onhostcontextchanged = (params) => { heard.theme = params.theme; };
app.connect().then(async () => {
  heard.host = app.getHostVersion().name;
  heard.theme = app.getHostContext().theme;
  heard.called = (await app.callServerTool({ name: "add", arguments: { left: 1, right: 2 } })).structuredContent;
  heard.refused = await app.callServerTool({ name: "for_models", arguments: {} }).catch((error) => error.message);
  heard.opened = await app.openLink({ url: "https://shop.example/help" });
});
