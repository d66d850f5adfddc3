import { containerRoutes } from "@skerry/core/contract/api/container.ts";
import { containerPresentation } from "@skerry/core/contract/present/container.ts";
import { describeResource } from "../resource/descriptor.ts";

/** Here beside what it uses (`container stats`), it must be said that these are bounds. */
const LIMITED = ["CPU", "MEMORY"];
const presentation = {
  ...containerPresentation,
  columns: containerPresentation.columns.map((column) =>
    LIMITED.includes(column.title) ? { ...column, title: `${column.title} LIMIT` } : column,
  ),
};

export const containerResource = describeResource({
  presentation,
  list: containerRoutes.list,
  get: containerRoutes.get,
  delete: containerRoutes.delete,
  rmLoses: "It is stopped, and what it wrote outside of volumes is lost.",
  listsByProject: true,
  namedByProject: true,
});
