/**
 * What people see, kept under fixtures/cli/. A wanted change is written there with UPDATE_GOLDEN=1 and read before it is
 * committed.
 */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { SkerryError } from "@skerry/core/contract/errors.ts";
import { containerSchemas } from "@skerry/core/contract/schema/container.ts";
import { can } from "../testing/canned.ts";
import { FakeCloud, refuse } from "../testing/fake-cloud.ts";
import { Cli, type CliOptions } from "../testing/run-cli.ts";

const FIXTURES = join(import.meta.dirname, "../../../../fixtures/cli");

interface Case extends CliOptions {
  readonly argv: readonly string[];
  /** What the cloud says to everything. */
  readonly refusal?: ReturnType<typeof refuse>;
  /** The route that is not for this user. */
  readonly forbidden?: string;
}

const CASES: Readonly<Record<string, Case>> = {
  "bucket-ls-table": { argv: ["bucket", "ls"] },
  "bucket-ls-narrow": { argv: ["bucket", "ls"], tty: { columns: 48 }, env: { NO_COLOR: "1" } },
  "bucket-ls-terminal": { argv: ["ls"], tty: { columns: 200 } },
  "bucket-ls-json": { argv: ["bucket", "ls", "-o", "json"] },
  "bucket-ls-yaml": { argv: ["bucket", "ls", "-o", "yaml"] },
  "bucket-ls-name": { argv: ["bucket", "ls", "-o", "name"] },
  "bucket-get-yaml": { argv: ["get", "bucket", "photos", "-o", "yaml"] },
  "bucket-get-missing": { argv: ["bucket", "get", "nope"] },
  "bucket-create": { argv: ["bucket", "create", "photos"] },
  "bucket-create-quiet": { argv: ["bucket", "create", "photos", "-q"] },
  "bucket-rm": { argv: ["bucket", "rm", "photos", "evil"] },
  "bucket-help": { argv: ["bucket", "-h"] },
  "bucket-create-help": { argv: ["bucket", "create", "-h"] },
  "cp-help": { argv: ["cp", "-h"] },
  "token-create-help": { argv: ["token", "create", "-h"] },
  "container-ls-table": { argv: ["ps"] },
  "container-ls-narrow": { argv: ["ps"], tty: { columns: 80 }, env: { NO_COLOR: "1" } },
  "container-get": { argv: ["container", "get", "web"] },
  "container-stats": { argv: ["container", "stats", "web"] },
  "container-stats-all": { argv: ["container", "stats"] },
  "gateway-log": { argv: ["gateway", "log"] },
  "gateway-log-json": { argv: ["gateway", "log", "-o", "json"] },
  "gateway-history": { argv: ["gateway", "history"] },
  "gateway-history-show": { argv: ["gateway", "history", "show", "12"] },
  "gateway-rollback-dry": { argv: ["gateway", "rollback", "10", "--dry-run", "--exit-code"] },
  "gateway-rollback": { argv: ["gateway", "rollback", "10", "--yes"] },
  "route-ls-narrow": { argv: ["route", "ls"], tty: { columns: 80 }, env: { NO_COLOR: "1" } },
  "image-ls-table": { argv: ["image", "ls"] },
  "run-help": { argv: ["run", "-h"] },
  "user-ls-table": { argv: ["user", "ls"] },
  "user-create": { argv: ["user", "create", "alice"] },
  "token-ls-table": { argv: ["token", "ls"] },
  "token-get": { argv: ["token", "get", "ci"] },
  "token-get-json": { argv: ["token", "get", "ci", "-o", "json"] },
  "bucket-get": { argv: ["get", "bucket", "evil"] },
  "token-create": { argv: ["token", "create", "ci", "--read-only"] },
  "token-create-json": { argv: ["token", "create", "ci", "-o", "json"] },
  "project-ls-table": { argv: ["project", "ls"] },
  "binding-ls-table": { argv: ["binding", "ls", "--project", "web"] },
  "session-ls-table": { argv: ["session", "ls"] },
  "upstream-get": { argv: ["upstream", "get", "web"] },
  "upstream-list": { argv: ["upstream", "ls"] },
  "route-explain": { argv: ["route", "explain", "GET", "app.example.com/x", "-H", "X-Api: v1"] },
  "job-ls-table": { argv: ["job", "ls"] },
  "audit-ls-table": { argv: ["audit", "ls"] },
  "storage-status": { argv: ["storage", "status"] },
  status: { argv: ["status"] },
  "status-member": { argv: ["status"], forbidden: "node.status" },
  "status-json": { argv: ["status", "-o", "json"] },
  whoami: { argv: ["whoami"] },
  "context-ls": { argv: ["context", "ls", "-o", "json"] },
  "object-ls-table": { argv: ["ls", "docs:"] },
  "object-ls-long": { argv: ["ls", "-r", "-l", "docs:"] },
  "object-ls-json": { argv: ["ls", "docs:", "-o", "json"] },
  "object-ls-name": { argv: ["ls", "-r", "docs:", "-o", "name"] },
  "object-ls-empty": { argv: ["ls", "docs:none/"] },
  "object-stat": { argv: ["stat", "docs:a/plan.txt"] },
  "cp-to-stdout": { argv: ["cp", "docs:a/plan.txt", "-"] },
  "cp-to-terminal": { argv: ["cp", "docs:evil.txt", "-"], tty: { columns: 80 } },
  overview: { argv: ["-h"] },
  "error-command": { argv: ["bukcet", "ls"] },
  "error-plural": { argv: ["buckets", "list"] },
  "error-verb": { argv: ["bucket", "delete", "photos"] },
  "error-flag": { argv: ["bucket", "create", "photos", "--visiblity", "public"] },
  "error-choice": { argv: ["bucket", "create", "photos", "--visibility", "pubic"] },
  "error-value": { argv: ["bucket", "create", "photos", "--visibility"] },
  "error-twice": { argv: ["bucket", "ls", "--context", "a", "--context", "b"] },
  "error-publish-flag": { argv: ["run", "busybox", "-p", "80:80"] },
  "error-container-create": { argv: ["container", "create", "web"] },
  "error-container-logs": { argv: ["container", "logs", "web"] },
  "error-ps-name": { argv: ["ps", "web"] },
  "error-cpu": {
    argv: ["run", "busybox", "--cpu", "900"],
    refusal: () => {
      const result = containerSchemas.create.body.safeParse({ name: "a", spec: { image: "a", cpu: 900 } });
      const problems = (result.error?.issues ?? []).map(({ path, message }) => ({
        field: `body.${path.join(".")}`,
        rule: message,
      }));
      throw new SkerryError("invalid", "The request is not valid.", { details: { problems } });
    },
  },
  "error-missing-argument": { argv: ["bucket", "create"] },
  "error-extra-argument": { argv: ["bucket", "create", "a", "b"] },
  "error-kind": { argv: ["get", "bukets"] },
  "error-context": { argv: ["status", "--context", "tset"] },
  "error-address": { argv: ["ls", "photos"] },
  "error-prompt": { argv: ["rm", "-r", "docs:a"] },
  "error-password": { argv: ["login", "--user", "alice"] },
  "error-secret-flag": { argv: ["user", "create", "bob", "--password", "hunter2"] },
  "error-conflict": {
    argv: ["bucket", "rm", "photos"],
    refusal: refuse(
      "conflict/not-empty",
      "The bucket photos holds \x1b[1m12\x1b[0m objects.",
      "Remove them first:\nskerry rm -r photos:",
    ),
  },
  "error-credential": {
    argv: ["whoami"],
    refusal: refuse(
      "unauthenticated",
      "This needs a credential, and the request brought none.",
      "Send Authorization: X.",
    ),
  },
  "error-credential-variable": {
    argv: ["whoami"],
    env: { SKERRY_TOKEN: "sky_old" },
    refusal: refuse("unauthenticated", "The credential is not known, or was revoked.", "Log in again."),
  },
  "error-rule": {
    argv: ["bucket", "create", "Photos"],
    refusal: () => {
      const problems = [{ field: "body.name", rule: "a name is lower-case" }];
      const message = "The request is not valid. body.name: a name is lower-case.";
      throw new SkerryError("invalid", message, { details: { problems } });
    },
  },
  "error-json": {
    argv: ["bucket", "rm", "photos", "-o", "json"],
    refusal: refuse("exhausted/rate", "Slow \x9bdown\u202e.", "Wait a minute."),
  },
};

describe("golden output", () => {
  let cloud: FakeCloud;
  let cli: Cli;
  before(async () => {
    cloud = await FakeCloud.start();
    cli = await Cli.create(cloud.socketPath);
  });
  after(async () => {
    await cli[Symbol.asyncDispose]();
    await cloud[Symbol.asyncDispose]();
  });

  for (const [name, { argv, refusal, forbidden, ...options }] of Object.entries(CASES)) {
    test(name, async () => {
      can(cloud);
      cloud.put("docs:a/plan.txt", "first\nsecond\n", "text/plain; charset=utf-8");
      cloud.put("docs:\x1b]0;owned\x07\u202efdp.exe", "x");
      cloud.put("docs:evil.txt", "tab\tred \x1b[31mtext\n");
      cloud.put("docs:日本.txt", "x");
      if (refusal !== undefined) for (const route of cloud.answers.keys()) cloud.answers.set(route, refusal);
      if (forbidden !== undefined) cloud.answers.set(forbidden, refuse("forbidden", "You may not do this."));
      const { status, stdout, stderr } = await cli.run(argv, options);
      const shown = [
        `$ skerry ${argv.join(" ")}`,
        `--- stdout`,
        stdout,
        `--- stderr`,
        stderr,
        `--- exit ${status}`,
        "",
      ].join("\n");
      const text = shown.replaceAll(cloud.directory, "DIR").replaceAll(cli.directory, "HOME");
      // The title of a table on a terminal is bold: nothing else may reach it.
      assert.doesNotMatch(
        text.replaceAll("\x1b[1m", "").replaceAll("\x1b[22m", "").replaceAll("\x1b[31merror:\x1b[39m", ""),
        /[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/,
      );
      const path = join(FIXTURES, `${name}.txt`);
      if (process.env["UPDATE_GOLDEN"] === "1") writeFileSync(path, text);
      assert.ok(existsSync(path), `${path} is missing: run with UPDATE_GOLDEN=1`);
      assert.equal(text, readFileSync(path, "utf8"));
    });
  }

  test("no fixture is left over", () => {
    const wanted = Object.keys(CASES).map((name) => `${name}.txt`);
    assert.deepEqual(readdirSync(FIXTURES).sort(), wanted.sort());
  });
});
