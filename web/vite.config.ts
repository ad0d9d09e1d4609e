import vue from "@vitejs/plugin-vue";
import { gzipSync } from "node:zlib";
import type { Plugin } from "vite";
import { defineConfig } from "vitest/config";

const FIRST_VIEW_KB = 120;

/** Prints what a first visit transfers, and fails the build when it is more than it may be. */
function firstView(): Plugin {
  return {
    name: "first-view",
    writeBundle(_options, bundle) {
      const bytes = Object.values(bundle).reduce(
        (sum, file) => sum + gzipSync(file.type === "chunk" ? file.code : file.source).length,
        0,
      );
      console.log(`first view: ${(bytes / 1000).toFixed(1)} kB gzip of ${FIRST_VIEW_KB}`);
      if (bytes > FIRST_VIEW_KB * 1000) this.error(`more than ${FIRST_VIEW_KB} kB gzip`);
    },
  };
}

const server = process.env.TORNADOCHAT ?? "http://localhost:8888";

export default defineConfig({
  // Relative: the page finds its own parts wherever a proxy puts it.
  base: "./",
  plugins: [vue(), firstView()],
  build: {
    outDir: "../tornadochat/static",
    emptyOutDir: true,
    // A data: URL for a script or a style would not pass the Content-Security-Policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  server: {
    proxy: {
      "/socket.io": { target: server, ws: true },
      "/protocol.json": server,
    },
  },
  test: { environment: "happy-dom", include: ["tests/**/*.test.ts"], setupFiles: ["tests/setup.ts"] },
});
