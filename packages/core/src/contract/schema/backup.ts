import { noParams, noQuery } from "../schema.ts";

/** What goes in and out, by route. */
export const backupSchemas = {
  create: { params: noParams, query: noQuery },
};
