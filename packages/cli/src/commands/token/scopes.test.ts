import assert from "node:assert/strict";
import { test } from "node:test";
import { can, meta } from "../../testing/canned.ts";
import { FakeCloud } from "../../testing/fake-cloud.ts";
import { Cli } from "../../testing/run-cli.ts";

async function create(...argv: string[]) {
  await using cloud = await FakeCloud.start();
  await using cli = await Cli.create(cloud.socketPath);
  can(cloud);
  cloud.answers.set("project.get", () => ({
    kind: "project",
    meta: meta("web", { uid: "projectuid" }),
    spec: { description: "" },
  }));
  cloud.answers.set("bucket.get", () => ({
    kind: "bucket",
    meta: meta("photos", { uid: "bucketuid", project: "owner" }),
    spec: { visibility: "private" },
  }));
  const { status, stderr } = await cli.run(["token", "create", "ci", ...argv]);
  const request = cloud.requests.findLast(({ route }) => route === "token.create");
  return { status, stderr, body: request?.body as Record<string, unknown> | undefined };
}

test("names behind @ become uids", async () => {
  const { body } = await create(
    "--scope",
    "storage.@web.objects=read,create",
    "--scope",
    "storage.*.objects.@photos=*",
    "--scope",
    "node=read",
  );
  assert.deepEqual(body?.["scopes"], {
    "storage.projectuid.objects": ["read", "create"],
    "storage.*.objects.bucketuid": ["*"],
    node: ["read"],
  });
});

test("--bucket, --read-only and --expires", async () => {
  assert.deepEqual((await create()).body, { name: "ci" });
  assert.deepEqual((await create("--read-only")).body?.["scopes"], { "*": ["read"] });
  assert.deepEqual((await create("--bucket", "photos")).body?.["scopes"], {
    "storage.owner.buckets.bucketuid": ["read"],
    "storage.owner.objects.bucketuid": ["read", "create", "update", "delete"],
  });
  assert.deepEqual((await create("--bucket", "photos", "--read-only")).body?.["scopes"], {
    "storage.owner.buckets.bucketuid": ["read"],
    "storage.owner.objects.bucketuid": ["read"],
  });
  assert.deepEqual((await create("--scope", "auth=*", "--read-only")).body?.["scopes"], { auth: ["read"] });
  assert.equal((await create("--expires", "30d")).body?.["expiresInSeconds"], 30 * 86_400);
});

test("what is no scope is refused before a token is made", async () => {
  const cases: [argv: string[], says: RegExp][] = [
    [["--scope", "storage"], /is not a scope/],
    [["--scope", "stroage=read"], /no root stroage[\s\S]*Did you mean storage/],
    [["--scope", "storage=raed"], /no action[\s\S]*Did you mean read/],
    [["--scope", "a.b.c.d.e=read"], /more than four parts/],
    [["--scope", "storage.*.chunks.@x=read"], /cannot be looked up under chunks/],
    [["--scope", "storage=create", "--read-only"], /leaves nothing/],
    [["--expires", "soon"], /not a span of time/],
    [["--expires", "0d"], /not a span of time/],
  ];
  for (const [argv, says] of cases) {
    const { status, stderr, body } = await create(...argv);
    assert.equal(status, 2, stderr);
    assert.match(stderr, says);
    assert.equal(body, undefined);
  }
});
