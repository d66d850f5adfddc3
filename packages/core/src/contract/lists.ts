/** The closed lists of which a person types or sees one, for those who see only the contract. */
export { CERTIFICATE_USES } from "../domain/certificates.ts";
export { ENCODINGS } from "../domain/compress-rules.ts";
export { RESTARTS } from "../domain/compute.ts";
export { CLIENT_TLS_MODES } from "../domain/gateway.ts";
export { ACTIONS, PERMISSION_TREE, ROLES } from "../domain/identity.ts";
export { VISIBILITIES } from "../domain/objects.ts";
export { ACTION_NAMES, REDIRECT_STATUSES } from "../domain/route-actions.ts";
export { CANARY_ACTIONS } from "../domain/route-canary.ts";
export { PRIORITIES } from "../domain/route-limits.ts";
export { BALANCE_METHODS, HASH_KEYS } from "../domain/upstreams.ts";
