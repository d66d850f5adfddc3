/**
 * Basil looks for what is amber's by what he declares, through the gateway and from inside a container. Each attempt has
 * its control: the same one by who may, or from where it is allowed, which must get the answer.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { containerRoutes } from "@skerry/core/contract/api/container.ts";
import { imageRoutes } from "@skerry/core/contract/api/image.ts";
import { routeRoutes } from "@skerry/core/contract/api/route.ts";
import { volumeRoutes } from "@skerry/core/contract/api/volume.ts";
import { digestOf, imageTar, tarOf } from "@skerry/core/testing/image-tar.ts";
import {
  type Answer,
  APP_HOST,
  assertTellsNothing,
  MACHINE,
  SITE_HOST,
  startTwoUsers,
  type TwoUsers,
  untilRunning,
} from "../src/testing/two-users.ts";

let world: TwoUsers;
before(async () => {
  world = await startTwoUsers();
});
after(() => world?.[Symbol.asyncDispose]());

describe("by what he declares", () => {
  const declare = (spec: object) =>
    world.basil.client.call(containerRoutes.create, { body: { name: "probe", spec: { image: "box", ...spec } } });

  async function* once(bytes: Buffer): AsyncGenerator<Uint8Array> {
    yield bytes;
  }

  test("her images cannot be run, whatever he calls them", async () => {
    const { amber, basil } = world;
    const layer = await tarOf({ treasure: "opal-treasure\n" });
    const hers = { bytes: once(await imageTar("t:1", [{ content: layer }])), query: { name: "opal-treasure:1" } };
    const { id } = await amber.client.upload(imageRoutes.load, hers);
    const full = `skerry/${amber.projectUid}/opal-treasure:1`;
    for (const image of ["opal-treasure:1", full, `docker.io/${full}`, id]) {
      await assert.rejects(declare({ image }), { code: "not_found" }, image);
    }
    await assert.rejects(declare({ image: `x/../../${amber.projectUid}/opal-treasure:1` }), { code: "invalid" });
    await amber.client.call(containerRoutes.create, {
      body: { name: "opal-spare", spec: { image: id, running: false } },
    });
    // Who knows the digest of her layer does not get what is in it.
    const content = Buffer.alloc(1024);
    const query = { name: "stolen" };
    const lie = once(await imageTar("t:1", [{ content, digest: digestOf(layer) }]));
    await assert.rejects(basil.client.upload(imageRoutes.load, { bytes: lie, query }), {
      code: "invalid",
      message: /do not have the content/,
    });
    // The control: the same file is taken when it tells of what it has.
    const truth = once(await imageTar("t:1", [{ content }]));
    await basil.client.upload(imageRoutes.load, { bytes: truth, query });
  });

  test("her networks cannot be joined, by any name", async () => {
    const { amber, web } = world;
    for (const network of ["opal-net", `skerry-${amber.projectUid}`, amber.projectUid, web.meta.uid]) {
      await assert.rejects(declare({ network }), { code: "not_found" }, network);
    }
    const spec = { image: "opal-img:1", network: "opal-net", running: false };
    await amber.client.call(containerRoutes.create, { body: { name: "opal-apart", spec } });
  });

  test("her volumes cannot be had, by any name; one of the same name is another", async () => {
    const { amber, basil, inside } = world;
    const engineName = `skerry-${amber.projectUid}-opal-vol`;
    for (const name of ["opal-vol", engineName]) {
      await assert.rejects(declare({ volumes: [{ name, path: "/data" }] }), { code: "not_found" }, name);
    }
    assert.equal((await inside(amber, "opal-web", "cat /data/file")).text, "opal-kept\n");
    for (const name of ["opal-vol", engineName]) await basil.client.call(volumeRoutes.create, { body: { name } });
    const volumes = [
      { name: "opal-vol", path: "/one" },
      { name: engineName, path: "/two" },
    ];
    await declare({ command: ["sleep", "1000"], volumes });
    await untilRunning(basil.client, "probe");
    assert.deepEqual(await inside(basil, "probe", "ls /one /two; echo mine > /one/file"), {
      status: 0,
      text: "/one:\n\n/two:\n",
    });
    assert.equal((await inside(amber, "opal-web", "cat /data/file")).text, "opal-kept\n");
    await basil.client.call(containerRoutes.delete, { params: { name: "probe" } });
    for (const name of ["opal-vol", engineName]) await basil.client.call(volumeRoutes.delete, { params: { name } });
    assert.equal((await inside(amber, "opal-web", "cat /data/file")).text, "opal-kept\n");
  });

  test("her hosts are hers, and routes lead to nothing of hers", async () => {
    const { basil, web, engine, ask } = world;
    const address = web.status?.address ?? "";
    const port = web.status?.ports?.["8000"]?.split(":")[1] ?? "";
    // The control: there is an answer at each of these.
    for (const url of [`http://${address}:8000/`, `http://127.0.0.1:${port}/`, `http://${MACHINE}:${port}/`]) {
      assert.equal(engine.run("curl", "-sS", url), "opal-page\n", url);
    }
    for (const host of [APP_HOST, `x.${APP_HOST}`, SITE_HOST]) {
      const taken = await ask(basil, "POST", "/v1/routes", { spec: { host, to: "container/spy:80" } });
      assert.equal(taken.status, 409);
      assertTellsNothing(world, taken, host, host);
    }
    const wild = await ask(basil, "POST", "/v1/routes", { spec: { host: "*.opal.example", to: "container/spy:80" } });
    assert.equal(wild.status, 403);
    assert.equal(
      (await ask(basil, "POST", "/v1/routes", { spec: { host: "b.example", to: "bucket/opal-site" } })).status,
      404,
    );
    const gateway = address.replace(/\d+$/, String(Math.floor(Number(address.split(".")[3]) / 16) * 16 + 1));
    const number = (ip: string) => String(ip.split(".").reduce((sum, part) => sum * 256 + Number(part), 0));
    const hidden = [
      ...[`${address}:8000`, `${number(address)}:8000`, `[::ffff:${address}]:8000`, `${gateway}:${port}`],
      ...[`127.0.0.1:${port}`, `localhost:${port}`, `2130706433:${port}`, `[::1]:${port}`, `0.0.0.0:${port}`],
      ...["container/opal-web:8000"],
    ];
    for (const [i, to] of hidden.entries()) {
      const host = `sly${i}.example`;
      const target = to.startsWith("container/") ? to : `http://${to}`;
      const made = await ask(basil, "POST", "/v1/routes", { spec: { host, to: target } });
      const { status, text } = made.status === 201 ? curl(host) : made;
      assert.ok([400, 403, 502].includes(status), `${to}: ${status} ${text}`);
      assert.doesNotMatch(text, /opal-page/, to);
    }
    // The control: a route of his own to his own is served.
    await basil.client.call(routeRoutes.create, {
      body: { spec: { host: "near.example", to: "container/near:8000" } },
    });
    assert.deepEqual(curl("near.example"), { status: 200, text: "near\n" });
  });

  test("the gateway serves what she published, to everyone", () => {
    assert.deepEqual(curl(APP_HOST), { status: 200, text: "opal-page\n" });
    assert.deepEqual(curl(SITE_HOST), { status: 200, text: "opal-bucket\n" });
  });
});

/** From this machine, through the gateway. */
function curl(host: string): Answer {
  const { engine, daemon } = world;
  const port = new URL(daemon.httpUrl ?? "").port;
  const to = ["--max-time", "10", "--resolve", `${host}:${port}:127.0.0.1`, `http://${host}:${port}/`];
  const said = engine.run("curl", "-sS", "-w", "\n%{http_code}", ...to);
  const at = said.lastIndexOf("\n");
  return { status: Number(said.slice(at + 1)), text: said.slice(0, at) };
}

describe("from inside his container", () => {
  /** Those of the addresses, `HOST PORT`, to which a TCP connection comes about. */
  async function reached(who: TwoUsers["amber"], container: string, targets: readonly string[]): Promise<string[]> {
    const tries = targets.map((target) => `(nc -w 2 ${target} </dev/null >/dev/null 2>&1 && echo "${target}") &`);
    const { text } = await world.inside(who, container, `${tries.join("\n")}\nwait`);
    return text.split("\n").filter(Boolean).sort();
  }

  test("nothing of hers answers, and nothing of the machine: his own does", { timeout: 120_000 }, async () => {
    const { amber, basil, web, db, daemon, engine } = world;
    const near = await untilRunning(basil.client, "near");
    const spy = await untilRunning(basil.client, "spy");
    const [theirs, own] = [web, spy].map((view) => networkOf(view.status?.address ?? ""));
    const published = web.status?.ports?.["8000"]?.split(":")[1] ?? "";
    const [api, http, https] = [daemon.apiUrl, daemon.httpUrl, daemon.httpsUrl].map((url) => new URL(url ?? "").port);
    const bridges = [theirs?.at(1), own?.at(1), "172.17.0.1"];
    const machine = [...bridges, MACHINE].flatMap((host) =>
      [published, api, http, https, "22", "2375", "7400"].map((port) => `${host} ${port}`),
    );
    const hers = (theirs ?? []).flatMap((host) => ["8000", "5432"].map((port) => `${host} ${port}`));
    const control = `${near.status?.address} 8000`;
    assert.deepEqual(await reached(basil, "spy", [...hers, ...machine, control]), [control]);
    // The controls: to her own container, and to this machine, they answer.
    const mine = [`${web.status?.address} 8000`, `${db.status?.address} 5432`].sort();
    assert.deepEqual(await reached(amber, "opal-web", [...hers, ...machine]), mine);
    for (const target of [...mine, `${MACHINE} ${published}`, `${theirs?.at(1)} ${http}`, `127.0.0.1 ${api}`]) {
      engine.run("busybox", "nc", "-w", "2", ...target.split(" "));
    }
  });

  test("her names mean nothing there", async () => {
    const { amber, basil, inside, web, docker } = world;
    const id = docker("inspect", "-f", "{{.Id}}", `skerry-${web.meta.uid}`).trim().slice(0, 12);
    const look = (name: string) => `nc -w 2 ${name} 8000 </dev/null && echo there || echo none`;
    for (const name of ["opal-web", `skerry-${web.meta.uid}`, id]) {
      assert.match((await inside(amber, "opal-db", look(name))).text, /there/, name);
      assert.doesNotMatch((await inside(basil, "spy", look(name))).text, /there/, name);
    }
    assert.match((await inside(basil, "spy", look("near"))).text, /there/);
  });

  test("the kernel tells nothing of hers, and gives nothing", async () => {
    const { basil, inside } = world;
    const script =
      "cat /proc/*/cmdline /proc/mounts /proc/net/tcp /proc/self/cgroup /proc/1/environ 2>/dev/null; ls /dev /sys/class/net";
    assertTellsNothing(world, await inside(basil, "spy", script), "/proc");
    for (const script of [
      "mknod /tmp/x b 8 0",
      "mount -t proc p /tmp",
      "ip link add x type dummy",
      "ping -c 1 127.0.0.1",
      "chroot /",
      "echo x > /proc/sys/kernel/hostname",
    ]) {
      assert.notEqual((await inside(basil, "spy", script)).status, 0, script);
    }
  });
});

/** The sixteen addresses of the network in which this one is. */
function networkOf(address: string): string[] {
  const parts = address.split(".");
  const first = Math.floor(Number(parts[3]) / 16) * 16;
  return Array.from({ length: 16 }, (_, i) => [...parts.slice(0, 3), first + i].join("."));
}
