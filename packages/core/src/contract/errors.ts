/** The errors of the API, for those who see only the contract. */
export {
  type ErrorId,
  isError,
  SkerryError,
  toProblem,
  toSkerryError,
} from "../domain/errors.ts";
