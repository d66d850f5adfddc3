import { z } from "zod";
import { LIMITS } from "../../domain/limits.ts";
import { IN_PROJECT, ownedFields, resourceSchema, resourceSchemas } from "../schema.ts";

const spec = z.strictObject({
  entries: z
    .string()
    .max(LIMITS.gateway.maxIpListLength)
    .describe("Networks and addresses between blanks, commas and line breaks; # and ; begin comments"),
});

const shown = z.object({
  entries: spec.shape.entries.optional().describe("Left out where several lists are shown, when it is long"),
});

export const ipListSchema = resourceSchema("iplist", shown).extend({
  status: z.object({ networks: z.int().describe("That are kept: what lies within another is left out") }).optional(),
});
export type IpListView = z.infer<typeof ipListSchema>;

const one = resourceSchemas({ schema: ipListSchema, ...IN_PROJECT });

/** What goes in and out, by route. */
export const ipListSchemas = {
  list: one.list,
  get: one.get,
  create: one.create({ ...ownedFields, spec }),
  update: one.update(spec.partial()),
  delete: one.delete,
};
