/** The bounds that a person meets, for those who see only the contract. */
export { LIMITS } from "../domain/limits.ts";
