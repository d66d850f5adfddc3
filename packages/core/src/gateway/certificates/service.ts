/** Certificates in the store: checked before they are written, their keys sealed. */
import type { CertificateUse, StoredCertificate } from "../../domain/certificates.ts";
import { SkerryError } from "../../domain/errors.ts";
import type { Route } from "../../domain/gateway.ts";
import { LIMITS } from "../../domain/limits.ts";
import type { Clock, Random, Sealer } from "../../domain/ports.ts";
import { assertName, CLOUD, newMeta, type Resource, resourceKey, touchMeta } from "../../domain/resource.ts";
import type { Compare, Entry, Json, Op, Store } from "../../domain/store.ts";
import { Turns } from "../../domain/turns.ts";
import { type Brought, checkBrought } from "./check.ts";

export interface CertificateEntry {
  readonly certificate: StoredCertificate;
  readonly revision: number;
}

export interface NewCertificate extends Brought {
  readonly name: string;
  /** Uid and name of the project that it comes into. */
  readonly project: string;
  readonly projectName: string;
  readonly labels?: Readonly<Record<string, string>>;
}

export interface CertificateChange {
  readonly use?: CertificateUse;
  /** Absent: as it is; then the key must fit it. */
  readonly certificate?: string;
  /** Absent: as it is, which the certificate must fit. */
  readonly key?: string;
  /** `""`: none any more. Absent: as it is, unless the certificate changes. */
  readonly ocsp?: string;
  readonly labels?: Readonly<Record<string, string>>;
  /** Refuse when it has changed since. */
  readonly revision?: number;
}

export interface CertificateServiceOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly sealer: Sealer;
}

export class CertificateService {
  readonly #options: CertificateServiceOptions;
  /** What one project changes goes one after another: it is counted. */
  readonly #turns = new Turns();

  constructor(options: CertificateServiceOptions) {
    this.#options = options;
  }

  async find(project: string, name: string): Promise<CertificateEntry | undefined> {
    const entry = await this.#options.store.get(resourceKey("certificate", project, name));
    return entry === undefined ? undefined : toCertificate(entry);
  }

  /** @throws `invalid` (what is wrong with it, and where), `conflict/exists`, `exhausted/quota`, `not_found` (the project). */
  create(input: NewCertificate): Promise<CertificateEntry> {
    return this.#turns.take(input.project, () => this.#create(input));
  }

  async #create(input: NewCertificate): Promise<CertificateEntry> {
    const { store, clock } = this.#options;
    const { name, project, labels } = input;
    assertName(name, "certificate");
    const checked = checkBrought(input, clock.wallMs());
    const meta = newMeta({ name, project, ...(labels === undefined ? {} : { labels }) }, this.#options);
    const certificate = this.#stored(meta, checked);
    const key = resourceKey("certificate", project, name);
    const owner = await store.get(resourceKey("project", CLOUD, input.projectName));
    if (owner === undefined || !takesResources(owner, project)) throw noProject(input.projectName);
    if ((await store.get(key)) !== undefined) throw nameTaken(name);
    await this.#assertRoom(project);
    const { succeeded, revision } = await store.transact({
      compare: [
        { key, modRevision: 0 },
        { key: owner.key, modRevision: owner.modRevision },
      ],
      then: [put(key, certificate)],
    });
    if (succeeded) return { certificate, revision };
    if ((await store.get(key)) === undefined) throw noProject(input.projectName);
    throw nameTaken(name);
  }

  /** @throws `invalid`, `not_found`, `conflict/precondition`, `internal/corrupt` (the key that is there cannot be opened). */
  update(project: string, name: string, change: CertificateChange): Promise<CertificateEntry> {
    return this.#turns.take(project, () => this.#update(project, name, change));
  }

  async #update(project: string, name: string, change: CertificateChange): Promise<CertificateEntry> {
    const { store, clock } = this.#options;
    const { certificate: before, revision } = await this.#expect(project, name);
    if (change.revision !== undefined && change.revision !== revision) throw hasChanged(name);
    const meta = touchMeta(before.meta, clock, change.labels);
    const ocsp = change.ocsp ?? (change.certificate === undefined ? before.spec.ocsp : undefined);
    const { use, certificate, key } = change;
    // Labels of one that has expired can be changed.
    const isSame = use === undefined && certificate === undefined && key === undefined && change.ocsp === undefined;
    const next = isSame
      ? { ...before, meta }
      : this.#stored(
          meta,
          checkBrought(
            {
              use: use ?? before.spec.use,
              certificate: certificate ?? before.spec.certificate,
              key: key ?? this.keyOf(before),
              ...(ocsp === undefined || ocsp === "" ? {} : { ocsp }),
            },
            clock.wallMs(),
          ),
        );
    const at = resourceKey("certificate", project, name);
    const compare: Compare[] = [{ key: at, modRevision: revision }];
    const result = await store.transact({ compare, then: [put(at, next)] });
    if (result.succeeded) return { certificate: next, revision: result.revision };
    throw hasChanged(name);
  }

  /** Gives the revision. @throws `not_found`, `conflict` (a route shows it to its upstream). */
  delete(project: string, name: string): Promise<number> {
    return this.#turns.take(project, async () => {
      const { revision } = await this.#expect(project, name);
      await this.#assertUnused(project, name);
      const key = resourceKey("certificate", project, name);
      const result = await this.#options.store.transact({
        compare: [{ key, modRevision: revision }],
        then: [{ op: "delete", key }],
      });
      if (!result.succeeded) throw hasChanged(name);
      return result.revision;
    });
  }

  /** PEM. For gateway workers alone. @throws `internal/corrupt`. */
  keyOf({ meta, spec }: StoredCertificate): string {
    return this.#options.sealer.open(spec.sealedKey, purposeOf(meta.uid));
  }

  #stored(meta: StoredCertificate["meta"], { use, certificate, key, ocsp }: Brought): StoredCertificate {
    const sealedKey = this.#options.sealer.seal(key, purposeOf(meta.uid));
    return {
      kind: "certificate",
      meta,
      spec: { use, certificate, sealedKey, ...(ocsp === undefined ? {} : { ocsp }) },
    };
  }

  async #expect(project: string, name: string): Promise<CertificateEntry> {
    const found = await this.find(project, name);
    if (found === undefined) throw new SkerryError("not_found", `There is no certificate ${name}.`);
    return found;
  }

  /** A route that is made meanwhile says itself what it lacks. */
  async #assertUnused(project: string, name: string): Promise<void> {
    const { entries } = await this.#options.store.list({ prefix: `/route/${project}/` });
    const routes = entries.map(({ value }) => value as unknown as Route);
    const user = routes.find(({ spec }) => spec.upstreamTls?.clientCertificate === name);
    if (user === undefined) return;
    throw new SkerryError("conflict", `The route ${user.meta.name} shows the certificate ${name} to its upstream.`, {
      hint: `Take it from there first: skerry route update ${user.meta.name} --upstream-tls default`,
    });
  }

  async #assertRoom(project: string): Promise<void> {
    const limit = LIMITS.gateway.maxCertificatesPerProject;
    const { entries } = await this.#options.store.list({ prefix: `/certificate/${project}/`, limit });
    if (entries.length < limit) return;
    throw new SkerryError("exhausted/quota", `The project has ${limit} certificates, the most that one may have.`, {
      hint: "Remove some first: skerry certificate rm NAME.",
    });
  }
}

export function toCertificate(entry: Entry): CertificateEntry {
  return { certificate: entry.value as unknown as StoredCertificate, revision: entry.modRevision };
}

/** What is sealed for one certificate opens for no other. */
function purposeOf(uid: string): string {
  return `certificate/${uid}`;
}

function put(key: string, certificate: StoredCertificate): Op {
  return { op: "put", key, value: certificate as unknown as Json, labels: certificate.meta.labels };
}

function takesResources(entry: Entry, uid: string): boolean {
  const { meta } = entry.value as unknown as Resource<unknown>;
  return meta.uid === uid && meta.deletingSince === undefined;
}

function noProject(name: string): SkerryError {
  return new SkerryError("not_found", `There is no project ${name}, or it is being deleted.`);
}

function nameTaken(name: string): SkerryError {
  return new SkerryError("conflict/exists", `There is a certificate ${name} already.`, {
    hint: `To put another in its place: skerry certificate update ${name} --cert FILE --key FILE`,
    details: { field: "name" },
  });
}

function hasChanged(name: string): SkerryError {
  return new SkerryError("conflict/precondition", `The certificate ${name} has changed since you read it.`, {
    hint: "Read it again, and decide anew.",
  });
}
