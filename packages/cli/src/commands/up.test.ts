import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { readContexts } from "../context/contexts.ts";
import { Cli } from "../testing/run-cli.ts";
import { readyText } from "./up.ts";

const PROGRAM = join(import.meta.dirname, "../../bin/skerry");
const READY = { apiUrl: "http://127.0.0.1:7400", socketPath: "/data/api.sock", dataDirectory: "/data" };
const FIRST = { userName: "admin", file: "/data/first-password", password: "correct-horse-battery" };

test("as long as the first password holds it is shown, to a person only, on a line of its own", () => {
  const ready = { ...READY, firstPassword: FIRST };
  const shown = readyText(ready, { binDirectory: undefined, toPerson: true });
  assert.match(shown, /First user admin, password\n\s+correct-horse-battery\n\s+also in \/data\/first-password\n/);
  assert.match(shown, /^ {2}skerry status$/m);
  const logged = readyText(ready, { binDirectory: "/checkout/bin", toPerson: false });
  assert.ok(!logged.includes(FIRST.password));
  assert.match(logged, /First user admin, password in \/data\/first-password/);
  assert.match(logged, /^ {2}npx skerry status$[\s\S]*export PATH="\/checkout\/bin:\$PATH"/m);
});

test("what to try next works also when the current context is another cloud", () => {
  const shown = (context: object, first = true) => {
    const of = { name: "local-2", isCurrent: false, hasToken: true, ...context };
    const ready = { ...READY, ...(first ? { firstPassword: FIRST } : {}), context: of };
    return readyText(ready, { binDirectory: undefined, toPerson: false });
  };
  assert.match(shown({}), /^ {2}skerry status --context local-2\n {2}skerry bucket create photos --context local-2$/m);
  assert.match(shown({ isCurrent: true }), /^ {2}skerry status$/m);
  assert.match(shown({ hasToken: false }), /^ {2}skerry login --context local-2 --user admin\n {2}skerry status$/m);
  assert.match(shown({}, false), /current context is another cloud\. This one: {2}skerry status --context local-2/);
  assert.match(shown({ hasToken: false }, false), /Log in to it: {2}skerry login --context local-2/);
});

test("a first start that fails leaves no data and no context", async () => {
  await using cli = await Cli.create();
  const busy = createServer().listen(0, "127.0.0.1");
  try {
    await once(busy, "listening");
    const { port } = busy.address() as AddressInfo;
    const listen = [
      "--listen-api",
      `127.0.0.1:${port}`,
      "--listen-http",
      "127.0.0.1:0",
      "--listen-https",
      "127.0.0.1:0",
    ];
    const data = cli.path("deep", "data");
    const argv = ["up", "--data", data, "--gateway-workers", "0", ...listen];
    const child = spawnSync(PROGRAM, argv, { env: { ...process.env, ...cli.env }, encoding: "utf8" });
    assert.equal(child.status, 8, child.stderr);
    assert.match(child.stderr, /another program uses this port/);
    assert.equal(existsSync(data), false, "no data directory");
    const { contexts, current } = await readContexts(cli.env);
    assert.deepEqual([contexts, current], [[], undefined]);
  } finally {
    busy.close();
  }
});

test("once it has been changed there is nothing to say about it", () => {
  const shown = readyText(READY, { binDirectory: undefined, toPerson: true });
  assert.ok(!/password|Try next/.test(shown), shown);
});
