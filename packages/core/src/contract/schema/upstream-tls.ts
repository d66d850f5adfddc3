import { z } from "zod";
import { LIMITS } from "../../domain/limits.ts";
import { nameSchema } from "../schema.ts";

/** What routes and upstreams say of TLS with what they lead to. */
export const upstreamTls = z
  .strictObject({
    ca: z.string().max(LIMITS.gateway.maxChainLength).optional().describe("PEM: authorities instead of the system's"),
    serverName: z.string().max(255).optional().describe("What it is called in its certificate; default: as in to"),
    clientCertificate: nameSchema.optional().describe("Certificate of the project that it is shown (use: client)"),
    verify: z.literal(false).optional().describe("Whoever answers is taken for it (needs gateway.upstreams:any)"),
  })
  .describe("How the upstream's TLS is spoken; it is verified unless this says otherwise");
