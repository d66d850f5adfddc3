import assert from "node:assert/strict";
import { test } from "node:test";
import { portInUse } from "./port-in-use.ts";

const ENDPOINT = `driver failed programming external connectivity on endpoint skerry-a (${"0a".repeat(32)}): `;

test("a port that is taken is named, with who has it, and without what the engine says of itself", () => {
  const cases = [
    [`${ENDPOINT}Error starting userland proxy: listen tcp4 127.0.0.1:8000: bind: address already in use`, /program/],
    [`${ENDPOINT}Bind for 127.0.0.1:8000 failed: port is already allocated`, /container/],
  ] as const;
  for (const [said, who] of cases) {
    const error = portInUse(said, new Error(said));
    assert.match(error?.message ?? "", /^The port 8000 of 127\.0\.0\.1 is taken: /);
    assert.match(error?.message ?? "", who);
    assert.match(error?.hint ?? "", /--publish HERE:PORT/);
    assert.doesNotMatch(`${error?.message}${error?.hint}`, /endpoint|[0-9a-f]{64}/);
  }
  assert.equal(portInUse("no space left on device", undefined), undefined);
});
