/** What destroys asks a person first; a script is not asked. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { can } from "../testing/canned.ts";
import { FakeCloud } from "../testing/fake-cloud.ts";
import { Cli } from "../testing/run-cli.ts";

const KINDS = ["bucket", "volume", "container", "route", "image", "token", "project", "user"] as const;

describe("removing", () => {
  let cloud: FakeCloud;
  let cli: Cli;
  before(async () => {
    cloud = await FakeCloud.start();
    can(cloud);
    for (const kind of KINDS) cloud.answers.set(`${kind}.delete`, () => undefined);
    cli = await Cli.create(cloud.socketPath);
  });
  after(async () => {
    await cli[Symbol.asyncDispose]();
    await cloud[Symbol.asyncDispose]();
  });
  const removed = () => cloud.requests.filter(({ route }) => route.endsWith(".delete")).length;

  for (const kind of KINDS) {
    test(`${kind} rm`, async () => {
      const tty = { columns: 80 };
      const start = removed();
      const no = await cli.run([kind, "rm", "a1"], { tty, stdin: "n\r" });
      assert.equal(no.status, 2, no.stderr);
      assert.match(no.stderr, new RegExp(`Remove the ${kind} a1\\? .*\\[y/N\\]`));
      assert.equal(removed(), start, "nothing was removed");
      const yes = await cli.run([kind, "rm", "a1", "b2"], { tty, stdin: "y\r" });
      assert.equal(yes.status, 0, yes.stderr);
      assert.match(yes.stderr, /a1, b2/);
      assert.equal(removed(), start + 2);
      const told = await cli.run([kind, "rm", "a1", "--yes"], { tty });
      assert.deepEqual([told.status, told.stderr.includes("[y/N]")], [0, false]);
      const script = await cli.run([kind, "rm", "a1"]);
      assert.deepEqual([script.status, script.stderr.includes("[y/N]")], [0, false]);
      assert.equal(removed(), start + 4);
    });
  }
});
