import { certificateRoutes } from "@skerry/core/contract/api/certificate.ts";
import { certificatePresentation } from "@skerry/core/contract/present/certificate.ts";
import { describeResource } from "../resource/descriptor.ts";

export const certificateResource = describeResource({
  presentation: certificatePresentation,
  list: certificateRoutes.list,
  get: certificateRoutes.get,
  delete: certificateRoutes.delete,
  rmLoses: "Its key is lost; new visitors of its hosts get a certificate of the cloud's own authority.",
  listsByProject: true,
  namedByProject: true,
});
