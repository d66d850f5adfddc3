import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { test } from "node:test";
import { createOpenApi } from "@skerry/core/contract/openapi.ts";
import { ROUTES } from "@skerry/core/contract/routes.ts";
import { VERSION } from "../version.ts";

const FIXTURE = new URL("../../../../fixtures/api/openapi.json", import.meta.url);

test("the checked-in OpenAPI document is the one that the routes give (SKERRY_TEST_UPDATE=1 writes it)", async () => {
  const document = `${JSON.stringify(createOpenApi(ROUTES, VERSION), null, 2)}\n`;
  if (process.env["SKERRY_TEST_UPDATE"] === "1") await writeFile(FIXTURE, document);
  assert.equal(await readFile(FIXTURE, "utf8"), document);
});

test("every route has an id of its own and a path of its own", () => {
  assert.equal(new Set(ROUTES.map(({ id }) => id)).size, ROUTES.length);
  assert.equal(new Set(ROUTES.map(({ method, path }) => `${method} ${path}`)).size, ROUTES.length);
});

test("the version is that of the package", async () => {
  const text = await readFile(new URL("../../package.json", import.meta.url), "utf8");
  assert.equal((JSON.parse(text) as { version: string }).version, VERSION);
});
