import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { SkerryError } from "../domain/errors.ts";
import { SimEngine, SimFirewall } from "../testing/sim-engine.ts";
import { freeSubnets, ProjectNetworks } from "./networks.ts";

test("subnets of the pool that overlap nothing, whatever its size", () => {
  assert.deepEqual(
    [...freeSubnets("10.0.0.0/26", ["10.0.0.16/28", "fd00::/64"])],
    ["10.0.0.0/28", "10.0.0.32/28", "10.0.0.48/28"],
  );
  assert.deepEqual([...freeSubnets("10.0.0.0/26", ["10.0.0.0/8"])], []);
  assert.deepEqual([...freeSubnets("10.0.0.0/27", ["10.0.0.30/32"])], ["10.0.0.0/28"]);
  assert.equal([...freeSubnets("192.168.0.0/16", [])].length, 4096);
});

describe("networks of projects", () => {
  const world = (pool = "10.199.0.0/26") => {
    const engine = new SimEngine();
    const firewall = new SimFirewall();
    return { engine, firewall, networks: new ProjectNetworks({ engine, firewall, cluster: "c", pool }) };
  };
  const project = (letter: string) => ({ project: letter.repeat(26), uid: letter.repeat(26) });

  test("each has its own, made once, also when they are asked for at once", async () => {
    const { engine, networks } = world();
    await Promise.all(["a", "b", "a", "c"].map((letter) => networks.ensure(project(letter))));
    const subnets = [...engine.nets.values()].map(({ subnets: [one] }) => one);
    assert.deepEqual(subnets.sort(), ["10.199.0.0/28", "10.199.0.16/28", "10.199.0.32/28"]);
  });

  test("what another cloud made under that name is neither used nor removed", async () => {
    const { engine, networks } = world();
    const name = await networks.ensure(project("a"));
    const [made] = engine.nets.values();
    assert.ok(made);
    engine.nets.set(name, { ...made, labels: { "skerry.cluster": "other" } });
    await assert.rejects(networks.ensure(project("a")), { code: "conflict" });
    await networks.remove(project("a"));
    assert.equal(engine.nets.size, 1);
  });

  test("what one had is not the next one's, until the pool has gone round", async () => {
    const { engine, networks } = world();
    const taken: (string | undefined)[] = [];
    for (const letter of ["a", "b", "c", "d", "e"]) {
      const name = await networks.ensure(project(letter));
      taken.push(engine.nets.get(name)?.subnets[0]);
      await networks.remove(project(letter));
    }
    const [first, ...others] = ["10.199.0.0/28", "10.199.0.16/28", "10.199.0.32/28", "10.199.0.48/28"];
    assert.deepEqual(taken, [first, ...others, first]);
  });

  test("a full pool says how to make it larger", async () => {
    const { networks } = world("10.199.0.0/28");
    await networks.ensure(project("a"));
    await assert.rejects(networks.ensure(project("b")), { code: "exhausted", hint: /--engine-pool/ });
  });

  test("a bridge that cannot be guarded gets no network", async () => {
    const { engine, firewall, networks } = world();
    firewall.guard = () => Promise.reject(new SkerryError("unsupported", "no iptables"));
    await assert.rejects(networks.ensure(project("a")), { code: "unsupported" });
    assert.equal(engine.nets.size, 0);
  });

  test("a project may have several; with it all go, and no others", async () => {
    const { engine, firewall, networks } = world();
    const [a, b] = [project("a"), project("b")];
    const named = { ...a, name: "back", uid: "c".repeat(26) };
    const names = await Promise.all([a, named, b].map((ref) => networks.ensure(ref)));
    assert.deepEqual(names, [`skerry-${a.project}`, `skerry-${a.project}-back`, `skerry-${b.project}`]);
    assert.equal(firewall.guarded.size, 3, "each has a bridge of its own");
    await networks.remove(named);
    assert.deepEqual([...engine.nets.keys()].sort(), [names[0], names[2]]);
    await networks.ensure(named);
    await networks.removeAll(a.project);
    assert.deepEqual([...engine.nets.keys()], [names[2]]);
    assert.equal(firewall.guarded.size, 1);
  });
});
