import { resourceRoutes } from "../resource-routes.ts";
import { defineRoutes } from "../route.ts";
import type { certificateSchemas } from "../schema/certificate.ts";

export type { CertificateView } from "../schema/certificate.ts";

const certificate = resourceRoutes("certificate", "gateway.certificates");

export const certificateRoutes = defineRoutes<typeof certificateSchemas>({
  list: certificate.list("List the certificates that you may see"),
  get: certificate.get("Show a certificate; never its key"),
  create: certificate.create("Bring a certificate with its key for the project's hosts"),
  update: certificate.update("Put another certificate in its place; new handshakes get it"),
  delete: certificate.delete("Delete a certificate; its hosts get one of the cloud's own authority"),
});
