/** TCP and unix sockets, as the kernel gives them. */
import { createConnection, createServer } from "node:net";
import type { Network } from "../domain/ports.ts";

export const realNetwork: Network = {
  connect: (address) =>
    "path" in address
      ? createConnection({ path: address.path, allowHalfOpen: true })
      : createConnection({ host: address.host, port: address.port, allowHalfOpen: true, noDelay: true }),

  listen: (address, onSocket) =>
    new Promise((resolve, reject) => {
      // As node:http does: a client that closes its half after the request still gets the answer.
      const server = createServer({ allowHalfOpen: true, noDelay: true }, onSocket);
      server.once("error", reject);
      server.listen(address, () => {
        server.off("error", reject);
        resolve(server);
      });
    }),
};
