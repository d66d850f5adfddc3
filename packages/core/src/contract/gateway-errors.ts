/** Why the gateway gives a request no whole answer, for those who see only the contract. */
export { GATEWAY_ERRORS } from "../domain/gateway-errors.ts";
