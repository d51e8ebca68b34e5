// Relative to this script, so that the page works wherever the app is mounted.
const { href } = new URL("../openapi.json", document.currentScript.src);
Redoc.init(href, { hideHostname: true }, document.getElementById("page"));
