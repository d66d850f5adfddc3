/**
 * Node's HTTP, for all of us. `import "node:http"` reads each export of the module, and reading `WebSocket` loads undici:
 * 40 ms of every start of the CLI and 15 MB of every process that stays. Nothing is read here but what is used.
 */
export const { createServer, request } = process.getBuiltinModule("node:http");
