/** The errors of the API, for those who see only the contract. */
export {
  ERROR_TABLE,
  type ErrorId,
  isError,
  type Problem,
  SkerryError,
  toProblem,
  toSkerryError,
} from "../domain/errors.ts";
