/** Hosts, paths and targets of routes as the cloud keeps them, for those who see only the contract. */
export { canonicalHost, canonicalPath, canonicalTarget } from "../domain/gateway.ts";
