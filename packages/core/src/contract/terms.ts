/** The closed lists and bounds that a person types or sees, for those who see only the contract. */

export { RESTARTS } from "../domain/compute.ts";
export { ACTIONS, PERMISSION_TREE, ROLES } from "../domain/identity.ts";
export { LIMITS } from "../domain/limits.ts";
export { VISIBILITIES } from "../domain/objects.ts";
