/** The certificates that people have brought, as they are at this moment: which one a host gets. In memory, fed by a watch. */
import { coversName, nameAbove, type StoredCertificate } from "../../domain/certificates.ts";
import type { Certificate } from "../control.ts";
import { type CertificateFacts, factsOf, isServed, stateOf } from "./facts.ts";

interface Held {
  readonly certificate: StoredCertificate;
  readonly facts: CertificateFacts;
}

export interface ServedOptions {
  readonly wallMs: () => number;
  /** PEM. @throws when it cannot be opened. */
  readonly keyOf: (certificate: StoredCertificate) => string;
  /** One that cannot be used; it is left out. */
  readonly onUnusable: (certificate: StoredCertificate, error: unknown) => void;
}

/** What a worker may show for a name, and for how long. */
export interface ServedCertificate extends Certificate {
  readonly forMs: number;
}

export class ServedCertificates {
  readonly #options: ServedOptions;
  /** By key of the store. */
  readonly #held = new Map<string, Held>();
  /** Project and name -> keys of those that name it so. */
  readonly #byName = new Map<string, Set<string>>();

  constructor(options: ServedOptions) {
    this.#options = options;
  }

  get keys(): readonly string[] {
    return [...this.#held.keys()];
  }

  /** Gives the names that are served differently from now on. */
  put(key: string, certificate: StoredCertificate): readonly string[] {
    const before = this.drop(key);
    try {
      const facts = factsOf(certificate.spec);
      this.#held.set(key, { certificate, facts });
      for (const name of facts.names) this.#keysOf(certificate.meta.project, name).add(key);
      return [...new Set([...before, ...facts.names])];
    } catch (error) {
      this.#options.onUnusable(certificate, error);
      return before;
    }
  }

  drop(key: string): readonly string[] {
    const held = this.#held.get(key);
    if (held === undefined) return [];
    this.#held.delete(key);
    for (const name of held.facts.names) {
      const keys = this.#keysOf(held.certificate.meta.project, name);
      keys.delete(key);
      if (keys.size === 0) this.#byName.delete(placeOf(held.certificate.meta.project, name));
    }
    return held.facts.names;
  }

  /**
   * For a host name, or a wildcard, of the project. The most specific name wins, then the one that expires last. One that
   * has expired, or whose key does not open, is passed over.
   */
  find(project: string, host: string): ServedCertificate | undefined {
    const nowMs = this.#options.wallMs();
    const names = host.startsWith("*.") ? [host] : [host, `*.${nameAbove(host)}`];
    for (const name of names) {
      const keys = this.#byName.get(placeOf(project, name)) ?? [];
      const all = [...keys].map((key) => this.#held.get(key) as Held);
      const good = all.filter(({ certificate, facts }) => isServed(certificate, facts, nowMs));
      for (const held of good.sort((a, b) => b.facts.notAfterMs - a.facts.notAfterMs)) {
        const shown = this.#show(held, nowMs);
        if (shown !== undefined) return shown;
      }
    }
    return undefined;
  }

  #show({ certificate, facts }: Held, nowMs: number): ServedCertificate | undefined {
    const { spec } = certificate;
    const isFresh = spec.ocsp !== undefined && nowMs < (facts.ocspUntilMs ?? 0);
    const untilMs = isFresh ? Math.min(facts.notAfterMs, facts.ocspUntilMs ?? 0) : facts.notAfterMs;
    try {
      return {
        certificate: spec.certificate,
        key: this.#options.keyOf(certificate),
        ...(isFresh ? { ocsp: spec.ocsp as string } : {}),
        forMs: untilMs - nowMs,
      };
    } catch (error) {
      this.#options.onUnusable(certificate, error);
      return undefined;
    }
  }

  /** For upstreams that ask for one; text: why there is none. By key of the store. */
  clientPair(key: string): Certificate | string {
    const held = this.#held.get(key);
    const name = key.slice(key.lastIndexOf("/") + 1);
    if (held === undefined) return `there is no certificate ${name}`;
    const { certificate } = held;
    if (certificate.spec.use !== "client") return `the certificate ${name} is not one of a client`;
    try {
      return { certificate: certificate.spec.certificate, key: this.#options.keyOf(certificate) };
    } catch (error) {
      this.#options.onUnusable(certificate, error);
      return `the key of the certificate ${name} does not open`;
    }
  }

  /** Names one label below a wildcard that are certified by themselves. */
  namesBelow(project: string, wildcard: string): readonly string[] {
    const names: string[] = [];
    for (const { certificate, facts } of this.#held.values()) {
      if (certificate.meta.project === project) names.push(...facts.names);
    }
    return names.filter((name) => name !== wildcard && coversName(wildcard, name));
  }

  /** Those that clients are shown, and that will not be good for long or are not any more: in sentences. */
  warnings(): readonly string[] {
    const nowMs = this.#options.wallMs();
    return [...this.#held.values()].flatMap(({ certificate, facts }) => {
      const state = stateOf(facts, nowMs);
      const date = new Date(facts.notAfterMs).toISOString().slice(0, 10);
      const what = `The certificate ${certificate.meta.name} (${facts.names[0] ?? facts.subject})`;
      if (state === "expired") return [`${what} expired on ${date}: the gateway does not use it.`];
      return state === "expiring" ? [`${what} expires on ${date}.`] : [];
    });
  }

  #keysOf(project: string, name: string): Set<string> {
    const place = placeOf(project, name);
    const keys = this.#byName.get(place) ?? new Set();
    this.#byName.set(place, keys);
    return keys;
  }
}

function placeOf(project: string, name: string): string {
  return `${project}/${name}`;
}
