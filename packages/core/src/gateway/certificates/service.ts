/** Certificates in the store: checked before they are written, their keys sealed. */
import type { CertificateUse, StoredCertificate } from "../../domain/certificates.ts";
import { SkerryError } from "../../domain/errors.ts";
import type { Route } from "../../domain/gateway.ts";
import { LIMITS } from "../../domain/limits.ts";
import type { Sealer } from "../../domain/ports.ts";
import type { Entry } from "../../domain/store.ts";
import {
  type ChangeInProject,
  type Found,
  found,
  type KindRules,
  type NewInProject,
  ProjectResources,
  type ProjectResourcesOptions,
} from "../project-resources.ts";
import { type Brought, checkBrought } from "./check.ts";

export interface CertificateEntry {
  readonly certificate: StoredCertificate;
  readonly revision: number;
}

export interface NewCertificate extends Brought, NewInProject {}

export interface CertificateChange extends ChangeInProject {
  readonly use?: CertificateUse;
  /** Absent: as it is; then the key must fit it. */
  readonly certificate?: string;
  /** Absent: as it is, which the certificate must fit. */
  readonly key?: string;
  /** `""`: none any more. Absent: as it is, unless the certificate changes. */
  readonly ocsp?: string;
}

export interface CertificateServiceOptions extends ProjectResourcesOptions {
  readonly sealer: Sealer;
}

const RULES: KindRules = {
  kind: "certificate",
  mostOfProject: LIMITS.gateway.maxCertificatesPerProject,
  takenHint: (name) => `To put another in its place: skerry certificate update ${name} --cert FILE --key FILE`,
};

export class CertificateService {
  readonly #options: CertificateServiceOptions;
  readonly #certificates: ProjectResources<StoredCertificate>;

  constructor(options: CertificateServiceOptions) {
    this.#options = options;
    this.#certificates = new ProjectResources(RULES, options);
  }

  async find(project: string, name: string): Promise<CertificateEntry | undefined> {
    const entry = await this.#certificates.find(project, name);
    return entry && named(entry);
  }

  /** @throws `invalid` (what is wrong with it, and where), `conflict/exists`, `exhausted/quota`, `not_found` (the project). */
  async create(input: NewCertificate): Promise<CertificateEntry> {
    const make = (meta: StoredCertificate["meta"]) => this.#checked(meta, input);
    return named(await this.#certificates.create(input, make));
  }

  /** @throws `invalid`, `not_found`, `conflict/precondition`, `internal/corrupt` (the key that is there cannot be opened). */
  async update(project: string, name: string, change: CertificateChange): Promise<CertificateEntry> {
    const next = (before: StoredCertificate, meta: StoredCertificate["meta"]): StoredCertificate => {
      const ocsp = change.ocsp ?? (change.certificate === undefined ? before.spec.ocsp : undefined);
      const { use, certificate, key } = change;
      // Labels of one that has expired can be changed.
      const isSame = use === undefined && certificate === undefined && key === undefined && change.ocsp === undefined;
      if (isSame) return { ...before, meta };
      return this.#checked(meta, {
        use: use ?? before.spec.use,
        certificate: certificate ?? before.spec.certificate,
        key: key ?? this.keyOf(before),
        ...(ocsp === undefined || ocsp === "" ? {} : { ocsp }),
      });
    };
    return named(await this.#certificates.update(project, name, change, next));
  }

  /** Gives the revision. @throws `not_found`, `conflict` (a route shows it to its upstream). */
  delete(project: string, name: string): Promise<number> {
    return this.#certificates.delete(project, name, () => this.#assertUnused(project, name));
  }

  /** PEM. For gateway workers alone. @throws `internal/corrupt`. */
  keyOf({ meta, spec }: StoredCertificate): string {
    return this.#options.sealer.open(spec.sealedKey, purposeOf(meta.uid));
  }

  /** @throws `invalid`. */
  #checked(meta: StoredCertificate["meta"], brought: Brought): StoredCertificate {
    const { use, certificate, key, ocsp } = checkBrought(brought, this.#options.clock.wallMs());
    const sealedKey = this.#options.sealer.seal(key, purposeOf(meta.uid));
    return {
      kind: "certificate",
      meta,
      spec: { use, certificate, sealedKey, ...(ocsp === undefined ? {} : { ocsp }) },
    };
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
}

export function toCertificate(entry: Entry): CertificateEntry {
  return named(found(entry));
}

function named({ resource: certificate, revision }: Found<StoredCertificate>): CertificateEntry {
  return { certificate, revision };
}

/** What is sealed for one certificate opens for no other. */
function purposeOf(uid: string): string {
  return `certificate/${uid}`;
}
