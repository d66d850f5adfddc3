/** Where replicas go. */
import type { Random } from "../domain/ports.ts";
import type { ChunkServer } from "./chunkserver.ts";

/**
 * The chunkservers that are available, best first: those of different devices before a second one of any device, in
 * random order within that, so that load spreads.
 */
export function placementOrder(servers: readonly ChunkServer[], random: Random): ChunkServer[] {
  const shuffled = servers
    .filter((server) => server.state.available)
    .map((server) => ({ server, draw: random.fraction() }))
    .sort((a, b) => a.draw - b.draw);
  const perDevice = new Map<number | undefined, number>();
  return shuffled
    .map(({ server }) => {
      const rank = perDevice.get(server.state.device) ?? 0;
      perDevice.set(server.state.device, rank + 1);
      return { server, rank };
    })
    .sort((a, b) => a.rank - b.rank)
    .map(({ server }) => server);
}

/** `3 copies on 1 disk`: what a loss of one device really costs. */
export function copiesText(copies: number, servers: readonly ChunkServer[]): string {
  const states = servers.map((server) => server.state).filter((state) => state.available);
  const disks = new Set(states.map((state) => state.device)).size;
  const count = Math.min(copies, states.length);
  return `${count} ${count === 1 ? "copy" : "copies"} on ${disks} ${disks === 1 ? "disk" : "disks"}`;
}
