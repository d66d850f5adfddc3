import { targetOf } from "@skerry/core/auth/access.ts";
import { type CertificateView, certificateRoutes } from "@skerry/core/contract/api/certificate.ts";
import type { Call } from "@skerry/core/contract/dispatch/call.ts";
import { handle } from "@skerry/core/contract/dispatch/dispatcher.ts";
import type { StoredCertificate } from "@skerry/core/domain/certificates.ts";
import { factsOf, stateOf } from "@skerry/core/gateway/certificates/facts.ts";
import { type CertificateEntry, toCertificate } from "@skerry/core/gateway/certificates/service.ts";
import { type Collection, listHandler } from "./collection.ts";
import { projectOf, viewMeta } from "./meta.ts";
import type { Services } from "./services.ts";

export function certificateHandlers(services: Services) {
  const { certificates, gateway, store } = services;
  const collection = (call: Call): Collection<CertificateView> => ({
    kind: "certificate",
    visible: (entry) => call.allows(call.permission, targetOf.resource(toCertificate(entry).certificate)),
    present: (entry) => toView(services, toCertificate(entry)),
  });
  return [
    listHandler(store, certificateRoutes.list, collection, (call, { project }) => projectOf(services, call, project)),

    handle.json(certificateRoutes.get, async (call, { params, query }) => {
      return toView(services, await openCertificate(services, call, params.name, query.project));
    }),

    handle.json(certificateRoutes.create, async (call, { body }) => {
      call.target = `certificate/${body.name}`;
      const project = projectOf(services, call, body.project) ?? call.principal.projectUid;
      call.authorize({ project }, body.project === undefined ? "your project" : `project ${body.project}`);
      const { use = "server", certificate, key, ocsp } = body.spec;
      const created = await certificates.create({
        ...{ name: body.name, project, use, certificate, key },
        ...(ocsp === undefined || ocsp === "" ? {} : { ocsp }),
        projectName: services.auth.projects.find(project)?.meta.name ?? "",
        ...(body.labels === undefined ? {} : { labels: body.labels }),
      });
      await gateway.activated(created.revision, "certificate");
      return toView(services, created);
    }),

    handle.json(certificateRoutes.update, async (call, { params, query, body }) => {
      const { certificate } = await openCertificate(services, call, params.name, query.project);
      const { use, certificate: pem, key, ocsp } = body.spec ?? {};
      const updated = await certificates.update(certificate.meta.project, params.name, {
        ...(use === undefined ? {} : { use }),
        ...(pem === undefined ? {} : { certificate: pem }),
        ...(key === undefined ? {} : { key }),
        ...(ocsp === undefined ? {} : { ocsp }),
        ...(body.labels === undefined ? {} : { labels: body.labels }),
        ...(body.revision === undefined ? {} : { revision: body.revision }),
      });
      await gateway.activated(updated.revision, "certificate");
      return toView(services, updated);
    }),

    handle.json(certificateRoutes.delete, async (call, { params, query }) => {
      const { certificate } = await openCertificate(services, call, params.name, query.project);
      await gateway.activated(await certificates.delete(certificate.meta.project, params.name), "certificate");
      return undefined;
    }),
  ];
}

/** The certificate, when the route's permission holds on it. @throws what hides or forbids it. */
async function openCertificate(
  services: Services,
  call: Call,
  name: string,
  inProject: string | undefined,
): Promise<CertificateEntry> {
  call.target = `certificate/${name}`;
  const project = projectOf(services, call, inProject) ?? call.principal.projectUid;
  const found = project === "" ? undefined : await services.certificates.find(project, name);
  if (found === undefined) call.hide(`certificate ${name}`);
  call.authorize(targetOf.resource(found.certificate), `certificate ${name}`);
  return found;
}

/** Without the key, also sealed. */
function toView(services: Services, { certificate, revision }: CertificateEntry): CertificateView {
  const { use, certificate: pem, ocsp } = certificate.spec;
  return {
    kind: "certificate",
    meta: viewMeta(services, certificate.meta, revision),
    spec: { use, certificate: pem, ...(ocsp === undefined ? {} : { ocsp }) },
    status: statusOf(services, certificate),
  };
}

function statusOf({ certificates, clock }: Services, certificate: StoredCertificate): CertificateView["status"] {
  const facts = factsOf(certificate.spec);
  const nowMs = clock.wallMs();
  const { names, subject, issuer, serial, keyType, ocspUntilMs } = facts;
  const shown = {
    ...{ names: [...names], subject, issuer, serial, keyType },
    notBefore: new Date(facts.notBeforeMs).toISOString(),
    notAfter: new Date(facts.notAfterMs).toISOString(),
    ...(ocspUntilMs === undefined ? {} : { ocspUntil: new Date(ocspUntilMs).toISOString() }),
  };
  try {
    certificates.keyOf(certificate);
  } catch {
    return { ...shown, state: "unusable", reason: `its key does not open; its hosts get ${OWN}` };
  }
  const state = stateOf(facts, nowMs);
  if (state === "expired") return { ...shown, state, reason: `its hosts get ${OWN}` };
  if (ocspUntilMs === undefined || nowMs < ocspUntilMs) return { ...shown, state };
  return { ...shown, state, reason: "its OCSP response is stale, and not given along" };
}

const OWN = "one of the cloud's own authority";
