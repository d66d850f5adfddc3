import { type CertificateView, certificateRoutes } from "@skerry/core/contract/api/certificate.ts";
import { certificatePresentation } from "@skerry/core/contract/present/certificate.ts";
import { callOf, defineScreen, removeKey } from "./screen.ts";

export const certificatesScreen = defineScreen<CertificateView>({
  id: "certificate",
  title: "Certificates",
  presentation: certificatePresentation,
  source: { kind: "watch", call: callOf(certificateRoutes.list) },
  idOf: ({ meta }) => meta.uid,
  toneOf: ({ status }) => (status?.state === "ready" ? "plain" : "bad"),
  enter: () => ({ kind: "detail" }),
  enterDoes: "details",
  empty: "No certificates: hosts get one of the cloud's own authority. skerry certificate create brings one.",
  keys: [
    removeKey(
      "certificate",
      ({ meta }) => meta.name,
      ({ meta }) => callOf(certificateRoutes.delete, { params: { name: meta.name }, query: { project: meta.project } }),
      "Its key is lost. New visitors of its hosts get a certificate of the cloud's own authority.",
    ),
  ],
});
