import { deepEqual, throws } from "node:assert/strict";
import { test } from "node:test";
import { isError } from "@skerry/core/contract/errors.ts";
import { changeBackends } from "./backends.ts";

const PLAIN = { weight: 1, tags: [], drain: false };

test("flags say backends, and change those that are there by their names", () => {
  const before = changeBackends(
    [],
    ["a=http://10.0.0.7:3000/x,y", "b=container/web:80,weight=20,tag=gpu,tag=eu,drain"],
  );
  deepEqual(before, [
    { name: "a", to: "http://10.0.0.7:3000/x,y", ...PLAIN },
    { name: "b", to: "container/web:80", weight: 20, tags: ["gpu", "eu"], drain: true },
  ]);
  deepEqual(changeBackends(before, ["b,weight=0", "c=http://h,tag=x"]), [
    before[0],
    { name: "b", to: "container/web:80", weight: 0, tags: ["gpu", "eu"], drain: true },
    { name: "c", to: "http://h", weight: 1, tags: ["x"], drain: false },
  ]);
  for (const text of [
    "",
    "c",
    "=http://h",
    "c=",
    "c=http://h,weight=x",
    "c=http://h,weight=",
    "c=http://h,weight=1,weight=2",
  ])
    throws(
      () => changeBackends(before, [text]),
      (error) => isError(error, "invalid"),
      text,
    );
  throws(() => changeBackends([], ["a=http://h", "a=http://i"]), /once more/);
});
