/** `skerry ui` where something is wrong: it says what, leaves with a status, and the terminal is as it was. */
import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { bucketRoutes } from "@skerry/core/contract/api/bucket.ts";
import { projectRoutes } from "@skerry/core/contract/api/project.ts";
import { sessionRoutes } from "@skerry/core/contract/api/session.ts";
import { tokenRoutes } from "@skerry/core/contract/api/token.ts";
import { userRoutes } from "@skerry/core/contract/api/user.ts";
import { type DaemonProcess, startDaemonProcess } from "../src/testing/daemon-process.ts";
import { assertScreen } from "../src/testing/screen-golden.ts";
import { Tmux } from "../src/testing/tmux.ts";

const SKERRY = fileURLToPath(new URL("../../cli/bin/skerry", import.meta.url));

let directory: string;
let daemon: DaemonProcess;

before(async () => {
  directory = await mkdtemp(join(tmpdir(), "skerry-tui-"));
  daemon = await startDaemonProcess({ data: join(directory, "data"), argv: ["--node-name", "skerry-1"] });
});
after(async () => {
  await daemon?.[Symbol.asyncDispose]();
  await rm(directory, { recursive: true, force: true });
});

async function open(name: string, socketPath: string, token?: string): Promise<Tmux> {
  const config = join(directory, name);
  await mkdir(config, { mode: 0o700 });
  const contexts = [{ name, socketPath, ...(token === undefined ? {} : { token }) }];
  await writeFile(join(config, "contexts.json"), JSON.stringify({ version: 1, current: name, contexts }), {
    mode: 0o600,
  });
  const env = { SKERRY_CONFIG_DIR: config, HOME: directory };
  return Tmux.start({ columns: 80, rows: 24, env, command: `${SKERRY} ui` });
}

test("a token that is refused: the screen says so and what to do", async () => {
  await using tmux = await open("refused", daemon.socketPath, "sky_nobody_0000000000000000000000000000");
  await tmux.until("why", (text) => /token|log in|login/i.test(text) && text.includes("Buckets"));
  await tmux.keys("q");
  await tmux.until("left", (text) => text.includes("left with 0"));
});

test("a member sees what is theirs, and is told what is not", async () => {
  const admin = daemon.client(await daemon.login());
  const { password = "" } = await admin.call(userRoutes.create, { body: { name: "mia" } });
  const { token } = await daemon.client().call(sessionRoutes.create, { body: { name: "mia", password } });
  await using tmux = await open("member", daemon.socketPath, token);
  await tmux.until("the first screen", (text) => text.includes("mia@member"));
  await tmux.keys("3");
  await tmux.until(
    "an empty list says what to do",
    (text) => text.includes("n makes one") && text.includes("mia@member"),
  );
  await tmux.keys("9");
  await tmux.until(
    "events are not for members",
    (text) => text.includes("auth.audit:read") || /role|permission/.test(text),
  );
  await tmux.keys("3", "n");
  await tmux.type("mias\r");
  await tmux.until("made", (text) => text.includes("▸ mias"));
});

test("a token is revoked while its rows are on the screen: they go, and it is said; nothing is asked for ever", async () => {
  const admin = daemon.client(await daemon.login());
  await admin.call(bucketRoutes.create, { body: { name: "seen" } });
  const { secret } = await admin.call(tokenRoutes.create, { body: { name: "short-lived" } });
  await using tmux = await open("revoked", daemon.socketPath, secret);
  await tmux.until("the first screen", (text) => text.includes("● live"));
  await tmux.keys("3");
  await tmux.until("rows", (text) => text.includes("seen "));
  await tmux.type("/seen\r");
  await tmux.until("one", (text) => text.includes("▸ seen") && text.includes("1 of"));
  await tmux.keys("y");
  await tmux.until("details", (text) => text.includes("visibility: private"));
  await admin.call(tokenRoutes.delete, { params: { name: "short-lived" } });
  await tmux.until("they go", (text) => text.includes("not there any more") && text.includes("▲ logged out"));
  await tmux.keys("Escape");
  assertScreen("logged-out", await tmux.until("why", (text) => text.includes("was revoked") && !text.includes("▸")));
  await tmux.keys("q");
  await tmux.until("left", (text) => text.includes("left with 0"));
});

test("5,000 rows: the first and the last at once, sorted, filtered, and followed", async () => {
  const token = await daemon.login();
  const admin = daemon.client(token);
  let made = 0;
  const make = async () => {
    while (made < 5000) {
      const name = `row-${++made}-${"long-name-".repeat(made % 5)}x`;
      await admin.call(bucketRoutes.create, { body: { name, project: `team-${made % 10}` } });
    }
  };
  for (let i = 0; i < 10; i++) await admin.call(projectRoutes.create, { body: { name: `team-${i}` } });
  await Promise.all(Array.from({ length: 16 }, make));
  await using tmux = await open("many", daemon.socketPath, token);
  await tmux.until("the first screen", (text) => text.includes("● live"));
  await tmux.keys("3");
  await tmux.until("all are counted", (text) => /Buckets {2}50\d\d /.test(text));
  await tmux.keys("G");
  await tmux.until("the last", (text) => text.includes("▸ seen") || /▸ row-5000-/.test(text));
  await tmux.type("/row-49");
  const found = await tmux.until("found", (text) => /111 of 50\d\d/.test(text) && text.includes("▸ row-49-"));
  // How much of a long name is shown depends on how long ago all was made.
  const steady = (row: string) => row.replace(/ of 50\d\d/, " of 5000").replace(/-long[-a-z]*…/, "-long…");
  assertScreen("many", found, steady);
  await admin.call(bucketRoutes.create, { body: { name: "row-4900-new" } });
  await tmux.until("followed", (text) => /112 of 50\d\d/.test(text));
  await tmux.keys("Escape", "q");
  await tmux.until("left", (text) => text.includes("left with 0"));
});

test("no daemon at all: it says what is missing, and comes alive when there is one", async () => {
  const data = join(directory, "late-data");
  await using tmux = await open("late", join(data, "run/api.sock"));
  await tmux.until("why", (text) => text.includes("cannot be reached") && text.includes("▲ stale"));
  await using _ = await startDaemonProcess({ data });
  await tmux.until("an answer", (text) => /token|log in|login/i.test(text));
});

test("an answer that nothing is prepared for ends it with a message, on a terminal as it was", async () => {
  const socketPath = join(directory, "odd.sock");
  await using _ = await serve(socketPath, { items: [{ kind: "bucket", meta: { uid: "a", name: "a" } }], revision: 1 });
  await using tmux = await open("odd", socketPath);
  await tmux.until(
    "the message",
    (text) => text.startsWith("before\n") && /error: .*\n(?:.*\n)*left with 1/.test(text),
  );
  assert.equal(await tmux.ask("#{alternate_on} #{cursor_flag}"), "0 1");
  await tmux.type("stty -a\r");
  await tmux.until("it echoes", (text) => / icanon /.test(text) && /[^-]echo /.test(text));
});

async function serve(socketPath: string, answer: unknown): Promise<AsyncDisposable> {
  const server: Server = createServer((_, response) => {
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(answer));
  });
  await new Promise<void>((resolve) => server.listen(socketPath, resolve));
  return {
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
