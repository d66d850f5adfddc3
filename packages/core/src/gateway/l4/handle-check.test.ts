import { equal, match, rejects } from "node:assert/strict";
import type { Server } from "node:net";
import { test } from "node:test";
import { isError, type SkerryError } from "../../domain/errors.ts";
import { LIMITS } from "../../domain/limits.ts";
import { realClock } from "../../platform/clock.ts";
import { checkHandles } from "./handle-check.ts";
import { interceptAccepts, type TcpHandle } from "./tcp-handle.ts";

const check = (intercept?: typeof interceptAccepts) =>
  checkHandles(LIMITS.l4, LIMITS.proxy, () => realClock.monotonicMs(), intercept);

test("this version of Node has TCP handles as they are known, and they serve", () => check());

test("handles that are otherwise are unsupported, with what was seen as the cause", async () => {
  const others: readonly [(server: Server, take: (handle: TcpHandle) => boolean) => void, RegExp][] = [
    // Connections come another way.
    [() => undefined, /instead of "said"|ECONNRESET/],
    [
      (server, take) =>
        interceptAccepts(server, (handle) => {
          // Reads go elsewhere.
          handle.useUserBuffer = () => undefined;
          return take(handle);
        }),
      /instead of "said"|no end|ECONNRESET/,
    ],
  ];
  for (const [intercept, cause] of others) {
    await rejects(check(intercept), (error) => {
      equal(isError(error, "unsupported"), true);
      match(String((error as SkerryError).cause), cause);
      return true;
    });
  }
});
