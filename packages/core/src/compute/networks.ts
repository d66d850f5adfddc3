/** Networks of projects: each a /28 of the pool, on a bridge of its own. The engine is the list of those that are there. */
import { SkerryError } from "../domain/errors.ts";
import { LIMITS } from "../domain/limits.ts";
import type { Engine, EngineNetwork } from "./engine.ts";
import type { Firewall } from "./firewall.ts";
import { bridgeName, CLUSTER_LABEL, type NetworkRef, networkName, PROJECT_LABEL, UID_LABEL } from "./names.ts";

const SUBNET_BITS = 28;
const SUBNET_SIZE = 2 ** (32 - SUBNET_BITS);

interface Range {
  readonly first: number;
  readonly last: number;
}

export class ProjectNetworks {
  readonly #options: { engine: Engine; firewall: Firewall; cluster: string; pool: string };
  /** One change at a time: the list of the engine decides which subnet is free. */
  #turn: Promise<unknown> = Promise.resolve();
  /** The subnet that was taken last. */
  #last = "0.0.0.0/32";

  constructor(options: { engine: Engine; firewall: Firewall; cluster: string; pool: string }) {
    this.#options = options;
  }

  /** Makes it when it is missing, guarded before anything joins it. Resolves with its name. @throws `exhausted`. */
  ensure(ref: NetworkRef): Promise<string> {
    return this.#inTurn(async () => {
      const name = networkName(ref);
      const bridge = bridgeName(ref.uid);
      await this.#options.firewall.guard([bridge]);
      const networks = await this.#options.engine.networks();
      const found = networks.find((network) => network.name === name);
      if (found !== undefined && !this.#isOurs(found))
        throw new SkerryError("conflict", `The engine has a network ${name} that is not of this cloud.`);
      if (found !== undefined) return name;
      const taken = networks.flatMap(({ subnets }) => subnets);
      await this.#create(ref, taken);
      return name;
    });
  }

  /** The rules are there again, should somebody have taken them away. @throws `unsupported`. */
  guard(refs: readonly NetworkRef[]): Promise<void> {
    const bridges = [...new Set(refs.map(({ uid }) => bridgeName(uid)))];
    if (bridges.length === 0) return Promise.resolve();
    return this.#inTurn(() => this.#options.firewall.guard(bridges));
  }

  /** After its last container has gone, with what the firewall says of it. Nothing when there is none of ours. */
  remove(ref: NetworkRef): Promise<void> {
    return this.#inTurn(async () => {
      const found = (await this.#options.engine.networks()).find(({ name }) => name === networkName(ref));
      if (found === undefined) await this.#options.firewall.release(bridgeName(ref.uid));
      else await this.#removeOurs(found);
    });
  }

  /** All of a project that has no containers any more. */
  removeAll(project: string): Promise<void> {
    return this.#inTurn(async () => {
      const found = await this.#options.engine.networks();
      for (const network of found) if (network.labels[PROJECT_LABEL] === project) await this.#removeOurs(network);
      // Of one that went while nobody could say so.
      await this.#options.firewall.release(bridgeName(project));
    });
  }

  async #removeOurs(network: EngineNetwork): Promise<void> {
    if (!this.#isOurs(network)) return;
    const { engine, firewall } = this.#options;
    await engine.removeNetwork(network.name);
    await firewall.release(bridgeName(network.labels[UID_LABEL] ?? network.labels[PROJECT_LABEL] ?? ""));
  }

  #isOurs({ labels }: EngineNetwork): boolean {
    return labels[CLUSTER_LABEL] === this.#options.cluster;
  }

  async #create(ref: NetworkRef, taken: readonly string[]): Promise<void> {
    const { engine, cluster, pool } = this.#options;
    const { project, uid } = ref;
    const labels = { [CLUSTER_LABEL]: cluster, [PROJECT_LABEL]: project, [UID_LABEL]: uid };
    const named = { name: networkName(ref), bridge: bridgeName(uid), labels };
    let attempts = 0;
    for (const subnet of this.#inOrder([...freeSubnets(pool, taken)])) {
      if (attempts++ === LIMITS.compute.maxNetworkAttempts) break;
      try {
        await engine.createNetwork({ ...named, subnets: [subnet] });
        this.#last = subnet;
        return;
      } catch (error) {
        // The machine has a route there that is no network of the engine.
        if (!(error instanceof SkerryError) || !error.is("conflict")) throw error;
      }
    }
    throw new SkerryError("exhausted", `No network is free in the pool ${pool}.`, {
      hint: "Give containers a larger range: --engine-pool CIDR.",
    });
  }

  /** Those after the last one first: an address that somebody still knows is not soon another project's. */
  #inOrder(free: readonly string[]): readonly string[] {
    const next = free.findIndex((subnet) => rangeOf(subnet).first > rangeOf(this.#last).first);
    return next < 0 ? free : [...free.slice(next), ...free.slice(0, next)];
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(work);
    this.#turn = result.catch(() => undefined);
    return result;
  }
}

export function* freeSubnets(pool: string, taken: readonly string[]): Generator<string> {
  const all = rangeOf(pool);
  const used = taken.filter((subnet) => !subnet.includes(":")).map(rangeOf);
  for (let first = all.first; first + SUBNET_SIZE - 1 <= all.last; first += SUBNET_SIZE) {
    const last = first + SUBNET_SIZE - 1;
    if (used.some((other) => first <= other.last && other.first <= last)) continue;
    yield `${formatAddress(first)}/${SUBNET_BITS}`;
  }
}

function rangeOf(cidr: string): Range {
  const [address = "", bits = "32"] = cidr.split("/");
  const size = 2 ** (32 - Number(bits));
  const number = address.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
  const first = Math.floor(number / size) * size;
  return { first, last: first + size - 1 };
}

function formatAddress(number: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(number / 2 ** shift) % 256).join(".");
}
