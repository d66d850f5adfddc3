import { z } from "zod";
import { IN_PROJECT, ownedFields, resourceSchema, resourceSchemas } from "../schema.ts";

const networkSchema = resourceSchema("network", z.strictObject({}));
export type NetworkView = z.infer<typeof networkSchema>;

const network = resourceSchemas({ schema: networkSchema, ...IN_PROJECT });

/** What goes in and out, by route. */
export const networkSchemas = {
  list: network.list,
  get: network.get,
  create: network.create(ownedFields),
  delete: network.delete,
};
