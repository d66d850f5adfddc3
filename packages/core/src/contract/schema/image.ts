import { z } from "zod";
import { noParams, projectQuery } from "../schema.ts";

const imageName = z.string().min(1).max(200).describe("NAME[:TAG], e.g. web:2");
const image = z.object({
  name: z.string(),
  id: z.string(),
  project: z.string().optional().describe("Uid of its project; absent: the engine's own, for everyone"),
  sizeBytes: z.int(),
  createdAt: z.string(),
});
export type ImageView = z.infer<typeof image>;

/** What goes in and out, by route. */
export const imageSchemas = {
  list: { params: noParams, query: projectQuery, output: z.object({ items: z.array(image) }) },
  load: {
    params: noParams,
    query: projectQuery.extend({ name: imageName.optional().describe("Default: as the file names it") }),
    output: image,
  },
  delete: { params: z.strictObject({ name: imageName }), query: projectQuery },
};
