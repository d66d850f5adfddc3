import assert from "node:assert/strict";
import { test } from "node:test";
import { routeRoutes } from "@skerry/core/contract/api/route.ts";
import { isError, SkerryError } from "@skerry/core/domain/errors.ts";
import { startTestCluster } from "../testing/test-cluster.ts";

async function refusal(work: Promise<unknown>): Promise<SkerryError> {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof SkerryError, `${error}`);
  return error;
}

test("a switch remembers where the route led, leads it back, and says when there is nothing to switch", async () => {
  const [blue, green] = ["http://198.51.100.1", "http://198.51.100.2"];
  await using cluster = await startTestCluster();
  const mia = (await cluster.user("mia")).client;
  const { meta } = await mia.call(routeRoutes.create, { body: { spec: { host: "swap.example.com", to: blue } } });
  const params = { name: meta.name };
  const turn = (body: object) => mia.call(routeRoutes.switch, { params, body });
  const shown = async () => {
    const { spec, status } = await mia.call(routeRoutes.get, { params });
    return [spec.to, status?.previousTo];
  };
  for (const [said, message] of [
    [{}, /missing/],
    [{ back: false }, /missing/],
    [{ to: green, back: true }, /Both/],
    [{ back: true }, /no way back/],
    [{ to: "green" }, /not a target/],
  ] as const) {
    const { code, message: told } = await refusal(turn(said));
    assert.equal(code, "invalid", JSON.stringify(said));
    assert.match(told, message);
  }
  assert.deepEqual(await shown(), [blue, undefined]);
  for (let again = 0; again < 2; again++) await turn({ to: `${green}:80/` });
  assert.deepEqual(await shown(), [green, blue]);
  await turn({ back: true });
  assert.deepEqual(await shown(), [blue, green]);
  const both = await Promise.allSettled([turn({ back: true }), turn({ back: true })]);
  const refused = both.flatMap((one) => (one.status === "rejected" ? [one.reason] : []));
  assert.ok(refused.length === 1 && isError(refused[0], "conflict/precondition"), `${refused}`);
  assert.deepEqual(await shown(), [green, blue]);
  // Where somebody with more rights has led it is no way back for who may not go there.
  await cluster.admin.call(routeRoutes.switch, {
    params,
    query: { project: "mia" },
    body: { to: "http://127.0.0.1:1" },
  });
  await turn({ to: blue });
  assert.equal((await refusal(turn({ back: true }))).code, "forbidden");
  await mia.call(routeRoutes.update, { params, body: { spec: { respond: { status: 200 } } } });
  assert.deepEqual(await shown(), [undefined, undefined]);
  assert.match((await refusal(turn({ to: blue }))).message, /passes nothing on/);
  await mia.call(routeRoutes.delete, { params });
});
