// The data that the page's template has put beside the script.
export const data = JSON.parse(document.getElementById("mcp-data").textContent);
