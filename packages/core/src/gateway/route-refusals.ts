/** Why a route cannot be as it was asked for. */
import { SkerryError } from "../domain/errors.ts";

export function nameTaken(name: string): SkerryError {
  return new SkerryError("conflict/exists", `There is a route ${name} already.`, {
    hint: "Choose another name: --name NAME.",
    details: { field: "name" },
  });
}

export function hostTaken(host: string): SkerryError {
  return new SkerryError("conflict", `The host ${host} is taken: it, or a name above it, belongs to another project.`, {
    hint: "Choose another host name, or ask who runs this cloud.",
    details: { field: "host" },
  });
}

export function busy(name: string): SkerryError {
  return new SkerryError("conflict", `Others change what the route ${name} depends on at the same time.`, {
    hint: "Try again.",
    retryAfterMs: 1000,
  });
}
