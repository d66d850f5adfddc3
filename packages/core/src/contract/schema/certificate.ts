import { z } from "zod";
import { CERTIFICATE_USES } from "../../domain/certificates.ts";
import { LIMITS } from "../../domain/limits.ts";
import { IN_PROJECT, ownedFields, resourceSchema, resourceSchemas } from "../schema.ts";

const { maxChainLength, maxKeyLength, maxOcspLength } = LIMITS.gateway;
const use = z
  .enum(CERTIFICATE_USES)
  .describe("server (the default): for the project's hosts; client: shown to upstreams that ask for one");
const certificate = z
  .string()
  .max(maxChainLength)
  .describe("PEM: the certificate, then those above it, each the issuer of the one before");
const key = z.string().max(maxKeyLength).describe("PEM, without a passphrase. Sealed on disk, and never shown again");
const ocsp = z
  .string()
  .max(maxOcspLength)
  .regex(/^[A-Za-z0-9+/]*={0,2}$/, { error: "the OCSP response is base64" })
  .describe("OCSP response that clients are given along, DER in base64; empty: none");

export const certificateSchema = resourceSchema(
  "certificate",
  z.strictObject({ use, certificate, ocsp: ocsp.optional() }),
).extend({
  status: z
    .object({
      state: z.enum(["ready", "expiring", "expired", "not-yet", "unusable"]),
      reason: z.string().optional().describe("What to know about the state"),
      names: z.array(z.string()).describe("Host names that it is good for"),
      subject: z.string(),
      issuer: z.string(),
      serial: z.string().describe("Hex"),
      keyType: z.string(),
      notBefore: z.string(),
      notAfter: z.string(),
      ocspUntil: z.string().optional().describe("Until then the OCSP response is given along"),
    })
    .optional(),
});
export type CertificateView = z.infer<typeof certificateSchema>;

const one = resourceSchemas({ schema: certificateSchema, ...IN_PROJECT });

/** What goes in and out, by route. */
export const certificateSchemas = {
  list: one.list,
  get: one.get,
  create: one.create({
    ...ownedFields,
    spec: z.strictObject({ use: use.optional(), certificate, key, ocsp: ocsp.optional() }),
  }),
  update: one.update(z.strictObject({ use, certificate, key, ocsp }).partial()),
  delete: one.delete,
};
