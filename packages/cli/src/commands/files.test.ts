/** Files that commands read: what is wrong with one is said with its name, and never as a crash. */
import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { after, before, describe, test } from "node:test";
import { can } from "../testing/canned.ts";
import { FakeCloud } from "../testing/fake-cloud.ts";
import { Cli } from "../testing/run-cli.ts";

/** Commands up to the file. */
const READERS = [
  "image load",
  "apply -f",
  "backup verify",
  "status --token-file",
  "user create bob --password-file",
] as const;

describe("files that commands read", () => {
  let cloud: FakeCloud;
  let cli: Cli;
  before(async () => {
    cloud = await FakeCloud.start();
    can(cloud);
    cli = await Cli.create(cloud.socketPath);
    await mkdir(cli.path("folder"));
  });
  after(async () => {
    await cli[Symbol.asyncDispose]();
    await cloud[Symbol.asyncDispose]();
  });

  for (const reader of READERS) {
    test(`${reader}: one that is not there, and a folder`, async () => {
      const missing = await cli.run([...reader.split(" "), cli.path("nofile")]);
      assert.equal(missing.status, 5, missing.stderr);
      assert.match(missing.stderr, /^error: [^\n]*nofile[^\n]*\n/);
      const folder = await cli.run([...reader.split(" "), cli.path("folder")]);
      assert.equal(folder.status, 2, folder.stderr);
      assert.match(folder.stderr, /^error: [^\n]*folder[^\n]*\n/);
      for (const { stderr } of [missing, folder])
        assert.doesNotMatch(stderr, /EISDIR|ENOENT|Something went wrong|at .*\.ts/);
    });
  }

  test("image load sends what the file holds, and standard input", async () => {
    let loaded = "";
    cloud.answers.set("image.load", ({ body }) => {
      loaded = String(body);
      return {
        kind: "image",
        name: "web:1",
        id: `sha256:${"a".repeat(64)}`,
        sizeBytes: 1,
        createdAt: "2026-08-01T10:00:00.000Z",
      };
    });
    await writeFile(cli.path("web.tar"), "layers");
    assert.equal((await cli.run(["image", "load", cli.path("web.tar")])).status, 0);
    assert.equal(loaded, "layers");
    assert.equal((await cli.run(["image", "load", "-"], { stdin: "from a pipe" })).status, 0);
    assert.equal(loaded, "from a pipe");
  });
});
