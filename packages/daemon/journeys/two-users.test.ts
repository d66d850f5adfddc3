/**
 * Basil looks for what is amber's by the API and the CLI. Each attempt has its control: the same one by who may, which must
 * get the answer, else nothing would be shown.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { containerRoutes } from "@skerry/core/contract/api/container.ts";
import { imageRoutes } from "@skerry/core/contract/api/image.ts";
import { bindingRoutes } from "@skerry/core/contract/api/project.ts";
import { type Answer, assertTellsNothing, SECRET, startTwoUsers, type TwoUsers } from "../src/testing/two-users.ts";

const DEADLINE_MS = 60_000;
let world: TwoUsers;
before(async () => {
  world = await startTwoUsers();
});
after(() => world?.[Symbol.asyncDispose]());

describe("by the API", () => {
  /** What amber gets with 2xx and her word in it, and basil must not. */
  const READS = [
    "/v1/containers/opal-web",
    "/v1/containers/opal-web/logs",
    "/v1/containers/opal-web/files?path=/data/file",
    "/v1/containers?limit=1",
    "/v1/containers?labels=tier%3Dopal",
    "/v1/volumes/opal-vol",
    "/v1/volumes",
    "/v1/networks/opal-net",
    "/v1/networks",
    "/v1/images",
    "/v1/routes",
    "/v1/routes/app-opal-example",
    "/v1/buckets",
  ];
  const within = (target: string, project: string) => `${target}${target.includes("?") ? "&" : "?"}project=${project}`;

  test("what is amber's does not exist for basil, in her project by name and uid", async () => {
    const { ask, amber, basil } = world;
    for (const project of [amber.name, amber.projectUid]) {
      for (const target of READS.map((one) => within(one, project))) {
        const hers = await ask(amber, "GET", target);
        assert.equal(hers.status, 200, `${target}: ${hers.text}`);
        assert.match(hers.text, /opal/, target);
        const his = await ask(basil, "GET", target);
        assert.equal(his.status, 404, `${target}: ${his.text}`);
        // As if there were no such project at all.
        const absent = "z".repeat(project.length);
        const none = await ask(basil, "GET", target.replace(`project=${project}`, `project=${absent}`));
        const plain = ({ text }: Answer) => text.replace(/"requestId":"[^"]*"/, "").replaceAll(absent, project);
        assert.equal(plain(his), plain(none), target);
      }
    }
    const usage = await ask(amber, "GET", "/v1/containers/opal-web/stats?project=amber");
    assert.match(usage.text, /memoryBytes/);
    assert.equal((await ask(basil, "GET", "/v1/containers/opal-web/stats?project=amber")).status, 404);
    assert.equal((await ask(amber, "GET", "/v1/objects/opal-site/index.html")).text, "opal-bucket\n");
    for (const target of ["/v1/buckets/opal-site", "/v1/objects/opal-site", "/v1/objects/opal-site/index.html"]) {
      assert.equal((await ask(amber, "GET", target)).status, 200);
      assert.equal((await ask(basil, "GET", target)).status, 404);
    }
  });

  test("nor in his own, by name, by uid, by the engine's ids", async () => {
    const { ask, basil, docker, web } = world;
    const id = docker("inspect", "-f", "{{.Id}}", `skerry-${web.meta.uid}`).trim();
    for (const name of ["opal-web", web.meta.uid, `skerry-${web.meta.uid}`, id.slice(0, 12), id]) {
      for (const end of ["", "/logs", "/stats"]) {
        const answer = await ask(basil, "GET", `/v1/containers/${name}${end}`);
        assert.ok(answer.status === 404 || (answer.status === 400 && name === id), `${name}: ${answer.text}`);
      }
    }
    for (const list of [
      "containers",
      "volumes",
      "networks",
      "images",
      "routes",
      "buckets",
      "projects",
      "users",
      "tokens",
      "sessions",
    ]) {
      assertTellsNothing(world, await ask(basil, "GET", `/v1/${list}`), list);
    }
  });

  test("he changes and removes none of it", async () => {
    const { ask, amber, basil } = world;
    const attempts: [string, string, unknown?][] = [
      ["PUT", "/v1/containers/opal-web", { spec: { running: false } }],
      ["DELETE", "/v1/containers/opal-web"],
      ["PUT", "/v1/containers/opal-web/files?path=/data"],
      ["DELETE", "/v1/volumes/opal-vol"],
      ["DELETE", "/v1/networks/opal-net"],
      ["DELETE", "/v1/images/opal-img:1"],
      ["PUT", "/v1/routes/app-opal-example", { spec: { to: "http://198.51.100.1" } }],
      ["DELETE", "/v1/routes/app-opal-example"],
    ];
    for (const project of [amber.name, amber.projectUid]) {
      for (const [method, target, body] of attempts) {
        const { status, text } = await ask(basil, method, within(target, project), body);
        assert.equal(status, 404, `${method} ${target}: ${text}`);
      }
      for (const [target, body] of [
        ["/v1/containers", { name: "x", project, spec: { image: "box" } }],
        ["/v1/volumes", { name: "x", project }],
        ["/v1/routes", { project, spec: { host: "x.example", to: "http://198.51.100.1" } }],
      ] as const) {
        assert.equal((await ask(basil, "POST", target, body)).status, 404, target);
      }
    }
    assert.equal((await ask(basil, "DELETE", "/v1/buckets/opal-site")).status, 404);
    // By a name that would lead the engine elsewhere.
    const away = `x/../../${amber.projectUid}/opal-img:1`;
    assert.ok([400, 404].includes((await ask(basil, "DELETE", `/v1/images/${encodeURIComponent(away)}`)).status));
    await assert.rejects(basil.client.call(imageRoutes.delete, { params: { name: away } }));
    assert.match((await ask(amber, "GET", "/v1/images")).text, /opal-img:1/);
    // The control: it was not a broken request that was refused.
    assert.equal(
      (await ask(amber, "PUT", "/v1/containers/opal-web?project=amber", { labels: { tier: "opal" } })).status,
      200,
    );
  });

  test("pages and tokens of pages open nothing", async () => {
    const { ask, amber, basil } = world;
    const first = JSON.parse((await ask(amber, "GET", "/v1/containers?limit=1")).text) as { nextPage: string };
    const second = await ask(amber, "GET", `/v1/containers?page=${first.nextPage}`);
    assert.match(second.text, /opal-web/);
    const forge = (after: string, revision = 1_000) =>
      Buffer.from(JSON.stringify([revision, after])).toString("base64url");
    const tokens = [first.nextPage, forge(`/container/${amber.projectUid}/`, 0), forge("/container/"), forge("/user/")];
    for (const page of tokens) {
      for (const project of ["", "&project=basil"]) {
        assertTellsNothing(world, await ask(basil, "GET", `/v1/containers?page=${page}${project}`), page);
      }
    }
  });

  test("a watch from the first revision on tells of his own things only", async () => {
    const { ask, amber, basil } = world;
    for (const list of ["containers", "volumes", "networks", "routes", "buckets"]) {
      const target = `/v1/${list}?watch=1&from=1`;
      const reading = Promise.all([amber, basil].map((who) => ask(who, "GET", target, undefined, 1500)));
      await sleep(300);
      await ask(amber, "PUT", "/v1/containers/opal-web", { labels: { tier: "opal", now: String(performance.now()) } });
      const [hers, his] = await reading;
      assert.match(hers?.text ?? "", /opal/, list);
      assert.equal(his?.status, 200);
      assertTellsNothing(world, his ?? assert.fail(), list);
      if (list === "containers") assert.match(his.text, /"spy"/);
    }
  });

  test("exec is answered as if there were no such container", async () => {
    const { amber, basil } = world;
    const ask = (who: typeof amber, project: string) =>
      who.client.terminal(containerRoutes.exec, {
        params: { name: "opal-web" },
        query: { project, command: '["cat","/data/file"]' },
      });
    for (const project of [amber.name, amber.projectUid]) {
      await assert.rejects(ask(basil, project), { code: "not_found" });
      using terminal = await ask(amber, project);
      terminal.endInput();
      const said = await Array.fromAsync(terminal.output, ({ bytes }) => Buffer.from(bytes).toString());
      assert.equal(said.join(""), "opal-kept\n");
    }
  });
});

test("by the CLI there is nothing of amber's", { timeout: 300_000 }, async () => {
  const { cli, amber, basil, web } = world;
  const commands = [
    ["ps", "--project", "amber"],
    ["get", "container", "opal-web", "--project", "amber"],
    ["logs", "opal-web", "--project", "amber"],
    ["exec", "opal-web", "--project", "amber", "--", "cat", "/data/file"],
    ["volume", "ls", "--project", "amber"],
    ["image", "ls", "--project", "amber"],
    ["route", "ls", "--project", amber.projectUid],
    ["ls", "opal-site:"],
  ];
  for (const words of commands) {
    const hers = await cli(amber, ...words);
    assert.equal(hers.status, 0, `${words.join(" ")}: ${hers.text}`);
    assert.match(hers.text, new RegExp(SECRET), words.join(" "));
    const his = await cli(basil, ...words);
    assert.equal(his.status, words[0] === "exec" ? 125 : 5, `${words.join(" ")}: ${his.text}`);
    assertTellsNothing(world, his, words.join(" "), words.join(" "));
  }
  for (const words of [["ps"], ["route", "ls"], ["bucket", "ls"], ["volume", "ls"], ["image", "ls"], ["status"]]) {
    const his = await cli(basil, ...words);
    assert.equal(his.status, 0, his.text);
    assertTellsNothing(world, his, words.join(" "));
  }
  for (const words of [
    ["stop", "opal-web"],
    ["container", "rm", "opal-web", "--yes"],
    ["logs", web.meta.uid],
  ]) {
    assert.equal((await cli(basil, ...words)).status, 5, words.join(" "));
    assert.equal((await cli(basil, ...words, "--project", "amber")).status, 5, words.join(" "));
  }
});

test("what she shared ends when she takes it back: logs, a command, a watch", { timeout: 120_000 }, async () => {
  const { admin, amber, basil, ask, inside } = world;
  const body = { project: "amber", user: "basil", role: "member" as const };
  const { meta } = await admin.call(bindingRoutes.create, { body });
  const query = { project: "amber" };
  const params = { name: "opal-web" };
  const running = async () => (await inside(amber, "opal-web", "ps")).text.includes("sleep 4321");
  using terminal = await basil.client.terminal(containerRoutes.exec, {
    params,
    query: { ...query, command: '["sleep","4321"]' },
  });
  const logs = await basil.client.download(containerRoutes.logs, { params, query: { ...query, follow: "1" } });
  let said = "";
  const following = (async () => {
    for await (const part of logs.body) said += Buffer.from(part).toString();
  })();
  const watching = ask(basil, "GET", "/v1/containers?watch=1&project=amber");
  const endMs = performance.now() + DEADLINE_MS;
  while (!said.includes("opal-said") || !(await running())) {
    assert.ok(performance.now() < endMs, said);
    await sleep(50);
  }
  const ends = [assert.rejects(following), assert.rejects(terminal.exitCode), watching];
  await admin.call(bindingRoutes.delete, { params: { name: meta.name }, query });
  await Promise.all(ends);
  while (await running()) {
    assert.ok(performance.now() < endMs, "the command goes on");
    await sleep(50);
  }
  assert.equal((await ask(basil, "GET", "/v1/containers?project=amber")).status, 404);
});
