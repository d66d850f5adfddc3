import assert from "node:assert/strict";
import { test } from "node:test";
import { readyText } from "./up.ts";

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

test("once it has been changed there is nothing to say about it", () => {
  const shown = readyText(READY, { binDirectory: undefined, toPerson: true });
  assert.ok(!/password|Try next/.test(shown), shown);
});
