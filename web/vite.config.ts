import { defineConfig } from "vite";

/** Where `npm run dev` finds a running `fairlead serve`. */
const SERVER = "http://127.0.0.1:8080";

export default defineConfig({
  // Relative addresses: the page also works below a path of a reverse proxy.
  base: "./",
  build: {
    target: "es2022",
    // The page is served under `default-src 'self'`, which forbids data: addresses.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  server: { proxy: { "/ws": { target: SERVER, ws: true }, "/logs": SERVER } },
});
