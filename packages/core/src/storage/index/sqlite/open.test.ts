import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describeObjectIndex } from "../contract.ts";
import { openSqliteIndex } from "./open.ts";

describeObjectIndex("sqlite", async (options) => {
  const directory = mkdtempSync(join(tmpdir(), "skerry-index-"));
  const index = await openSqliteIndex({ directory, cluster: "cluster-a", ...options });
  return {
    index,
    dispose: async () => {
      await index[Symbol.asyncDispose]();
      rmSync(directory, { recursive: true, force: true });
    },
  };
});
