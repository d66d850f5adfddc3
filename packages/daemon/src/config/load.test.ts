import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { SkerryError } from "@skerry/core/domain/errors.ts";
import { actionOf, assertEnoughStorage, type LoadOptions, loadConfig } from "./load.ts";
import { reloadable } from "./reload.ts";
import { nodeNameFrom, SETTING_KEYS, SETTINGS } from "./settings.ts";
import { formatConfig, settingOf, usage } from "./show.ts";
import { nearest } from "./suggest.ts";

const scratch = mkdtempSync(join(tmpdir(), "skerry-load-"));
after(() => rmSync(scratch, { recursive: true, force: true }));

const load = (argv: string[], env: Record<string, string> = {}, more: Partial<LoadOptions> = {}) =>
  loadConfig({ argv, env, homeDir: "/home/h", isTty: false, cwd: "/work", hostname: "box", ...more });

async function refused(argv: string[], env: Record<string, string> = {}, more: Partial<LoadOptions> = {}) {
  const error = await load(argv, env, more).then(
    () => assert.fail(`${argv.join(" ")} was accepted`),
    (problem: unknown) => problem,
  );
  assert.ok(error instanceof SkerryError, String(error));
  return { code: error.code, message: error.message, hint: error.hint ?? "" };
}

describe("precedence", () => {
  /** Per setting: four values that can be told apart, as text for flag, variable and file, and as parsed. */
  const rows: Record<string, readonly [flag: string, variable: string, file: string]> = {
    data: ["/f", "/v", "/c"],
    "listen.api": ["127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3"],
    "listen.http": ["0.0.0.0:1", "127.0.0.1:2", "[::]:3"],
    "listen.https": ["0.0.0.0:1", "127.0.0.1:2", "[::]:3"],
    "gateway.workers": ["1", "0", "3"],
    "gateway.tlsMinVersion": ["1.3", "1.2", "1.3"],
    "gateway.ports": ["1-2", "3-4", "5-6"],
    "gateway.accessLog": ["errors", "off", "12.5%"],
    "gateway.proxyProtocolFrom": ["10.1.0.0/16", "10.2.0.0/16", "fd00::/8"],
    "gateway.inKernel": ["never", "auto", "never"],
    "storage.directories": ["/sf", "/sv", "/sc"],
    "engine.socket": ["/ef", "/ev", "/ec"],
    "engine.pool": ["10.1.0.0/16", "10.2.0.0/16", "10.3.0.0/16"],
    "engine.publish": ["127.0.0.2", "127.0.0.3", "127.0.0.4"],
    "log.format": ["json", "pretty", "json"],
    "log.level": ["debug", "warn", "error"],
    "log.file": ["/log/f", "/log/v", "/log/c"],
    "node.name": ["f", "v", "c"],
  };

  for (const key of SETTING_KEYS) {
    test(`${key}: flag, then variable, then file, then default`, async () => {
      const [flag, variable, inFile] = rows[key] ?? assert.fail(`no row for ${key}`);
      const path = join(scratch, `${key}.yaml`);
      const levels = key.split(".");
      writeFileSync(path, `${levels.join(": {")}: "${inFile}"${"}".repeat(levels.length - 1)}\n`);
      const { flag: name, variable: env } = SETTINGS[key];
      const four = [
        await load([`--${name}`, flag, "--config", path], { [env]: variable }),
        await load(["--config", path], { [env]: variable }),
        await load(["--config", path]),
        await load([]),
      ];
      const from = four.map((config) => config.sources[key]);
      assert.deepEqual(
        from.map(({ kind }) => kind),
        ["flag", "variable", "file", "default"],
      );
      assert.equal(from[0]?.where, `--${name}`);
      assert.equal(from[1]?.where, env);
      assert.match(from[2]?.where ?? "", new RegExp(`^${path}:1:\\d+$`));
      const told = (value: unknown) => JSON.stringify(value ?? "");
      const values = four.map((config) => told(settingOf(config, key)));
      for (const [index, text] of [flag, variable, inFile].entries()) {
        const last = text.slice(text.lastIndexOf(":") + 1);
        assert.ok(values[index]?.includes(last), `${values[index]} comes from ${text}`);
      }
    });
  }

  test("defaults", async () => {
    const config = await load([]);
    assert.equal(config.data, "/home/h/.local/share/skerry");
    assert.deepEqual(config.listen.api, { host: "127.0.0.1", port: 7400 });
    assert.deepEqual(config.storage.directories, []);
    assert.deepEqual(config.log, { format: "json", level: "info" });
    assert.equal(config.node.name, "box");
    assert.equal("file" in config, false);
    assert.equal((await load([], {}, { isTty: true })).log.format, "pretty");
  });

  test("the file is named by flag before variable, and relative paths start where they were written", async () => {
    const path = join(scratch, "where.yaml");
    writeFileSync(path, "data: here\n");
    const config = await load(["--config", path, "--log-file", "logs/x"], {
      SKERRY_CONFIG: "/none.yaml",
      SKERRY_STORAGE_DIRS: "a,~/b,/c",
    });
    assert.equal(config.file, path);
    assert.equal(config.data, join(scratch, "here"));
    assert.equal(config.log.file, "/work/logs/x");
    assert.deepEqual(config.storage.directories, ["/work/a", "/home/h/b", "/c"]);
    assert.equal((await load([], { SKERRY_CONFIG: path })).data, join(scratch, "here"));
  });
});

describe("flags", () => {
  test("a list is repeated or separated by commas", async () => {
    const config = await load(["--storage-dir=/a,/b", "--storage-dir", "/c"]);
    assert.deepEqual(config.storage.directories, ["/a", "/b", "/c"]);
  });

  test("what is not known, not complete, or too much is refused with the fix", async () => {
    const cases: [string[], RegExp, RegExp][] = [
      [["--listen-apo", "x"], /^--listen-apo: there is no such flag\. Did you mean --listen-api\?$/, /--help/],
      [["--listen_api=x"], /Did you mean --listen-api\?/, /--help/],
      [["--hlep"], /Did you mean --help\?/, /--help/],
      [["--zzz"], /^--zzz: there is no such flag\.$/, /--help/],
      [["-x"], /^-x: there is no such flag\./, /--help/],
      [["--\u001b[31m"], /^--\\u001b\[31m: there is no such flag/, /--help/],
      [["extra\u001b"], /^"extra\\u001b": this argument is not expected/, /--help/],
      [["--", "--data"], /^"--data": this argument is not expected/, /--help/],
      [["--data"], /^--data: its value is missing/, /--data=VALUE/],
      [["--data", "--log-level"], /^--data: its value is missing/, /--data=VALUE/],
      [["--data="], /^--data: the value is empty/, /leave the setting out/],
      [["--data", "/a", "--data", "/b"], /^--data: it is given twice/, /one of them/],
      [["--storage-dir", "/a,,/b"], /^--storage-dir: the value is empty/, /leave/],
      [["--storage-dir", "/a", "--storage-dir", "/a"], /"\/a" is given twice/, /separate/],
      [["--help=yes"], /^--help: it takes no value/, /alone/],
      [["--log-level", "trace"], /"trace" is not one of debug, info, warn, error/, /one of them/],
      [["--node-name", "-"], /its value is missing/, /=/],
      [["--node-name=a_b"], /^--node-name: "a_b" is not a node name/, /1 to 63/],
      [["--config", "/none.yaml"], /^\/none\.yaml: there is no such file/, /--config/],
    ];
    for (const [argv, message, hint] of cases) {
      const error = await refused(argv);
      assert.equal(error.code, "invalid", argv.join(" "));
      assert.match(error.message, message);
      assert.match(error.hint, hint);
    }
  });

  test("help, version and print-config are found whatever else is wrong", () => {
    assert.equal(actionOf([]), "run");
    assert.equal(actionOf(["--data", "/x"]), "run");
    assert.equal(actionOf(["--nonsense", "-h", "junk"]), "help");
    assert.equal(actionOf(["--print-config", "--help"]), "help");
    assert.equal(actionOf(["--version"]), "version");
    assert.equal(actionOf(["--log-level", "debug", "--print-config"]), "print-config");
    assert.equal(actionOf(["--", "--help"]), "run");
  });
});

describe("variables", () => {
  test("unknown ones with our prefix are refused, those of the CLI and of tests are not", async () => {
    const unknown = await refused([], { SKERRY_DATE: "secret-value" });
    assert.equal(unknown.message, "SKERRY_DATE: there is no such variable. Did you mean SKERRY_DATA?");
    assert.equal(unknown.hint, "Unset it: unset SKERRY_DATE");
    assert.match((await refused([], { SKERRY_DATA: "" })).message, /^SKERRY_DATA: the value is empty/);
    const others = { SKERRY_CONFIG_DIR: "x", SKERRY_TOKEN: "", SKERRY_CONTEXT: "x", SKERRY_PROJECT: "x" };
    await load([], { ...others, SKERRY_TEST_TIER: "full", PATH: "/bin", SKERRYX: "1" });
  });
});

describe("addresses", () => {
  const api = async (text: string) => (await load([`--listen-api=${text}`])).listen.api;

  test("loopback is taken in its spellings", async () => {
    assert.deepEqual(await api("127.0.0.1:0"), { host: "127.0.0.1", port: 0 });
    assert.deepEqual(await api("127.9.8.7:65535"), { host: "127.9.8.7", port: 65535 });
    assert.deepEqual(await api("LocalHost:80"), { host: "127.0.0.1", port: 80 });
    assert.deepEqual(await api("[::1]:7400"), { host: "::1", port: 7400 });
    assert.deepEqual(await api("[0:0:0:0:0:0:0:1]:7400"), { host: "::1", port: 7400 });
  });

  test("off loopback is unsupported, with the way out", async () => {
    for (const host of ["0.0.0.0", "[::]", "10.0.0.1", "128.0.0.1", "example.com", "localhost.evil.com", "[fe80::1]"]) {
      const error = await refused([`--listen-api=${host}:7400`]);
      assert.equal(error.code, "unsupported", host);
      assert.match(error.hint, /127\.0\.0\.1:7400/);
    }
  });

  test("what is no address is invalid", async () => {
    const texts = ["7400", ":7400", "127.0.0.1", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:-1", "127.0.0.1:65536"];
    for (const text of [
      ...texts,
      "::1:7400",
      "[::1]",
      "[::1:7400",
      "[x]:1",
      "[]:1",
      "127.0.0.1:1e3",
      "127.0.0.1: 80",
    ]) {
      assert.equal((await refused([`--listen-api=${text}`])).code, "invalid", text);
    }
    assert.match((await refused(["--listen-api=::1"])).message, /IPv6 address needs brackets/);
  });
});

describe("paths keep apart", () => {
  test("storage directories and the log stay out of one another and out of the data directory", async () => {
    const bad: string[][] = [
      ["--storage-dir", "/d"],
      ["--storage-dir", "/"],
      ["--storage-dir", "/d/store"],
      ["--storage-dir", "/a,/a/b"],
      ["--log-file", "/d/lock"],
      ["--log-file", "/d/log"],
      ["--storage-dir", "/s", "--log-file", "/s/x.log"],
    ];
    for (const argv of bad) {
      assert.equal((await refused(["--data", "/d", ...argv])).code, "invalid", argv.join(" "));
    }
    await load(["--data", "/d", "--storage-dir", "/d2,/d3,/d/storage/x", "--log-file", "/d/log/skerryd.log"]);
  });

  test("fewer storage directories than copies are refused with what to do", async () => {
    const one = await load(["--storage-dir", "/mnt/a"]);
    assert.throws(
      () => assertEnoughStorage(one),
      /^SkerryError: --storage-dir: 3 copies need 3 directories, and 1 is named/,
    );
    assertEnoughStorage(await load([]));
    assertEnoughStorage(await load(["--storage-dir", "/a,/b,/c"]));
  });

  test("without a home directory the data directory must be named", async () => {
    assert.match((await refused([], {}, { homeDir: "" })).hint, /give --data DIR/);
    assert.match((await refused(["--data=~/x"], {}, { homeDir: "" })).hint, /Set HOME/);
    assert.equal((await load(["--data=~"], {})).data, "/home/h");
  });
});

test("a host name becomes a valid node name", () => {
  assert.equal(nodeNameFrom("Box_7.example.com"), "box-7");
  assert.equal(nodeNameFrom("--x--"), "x");
  assert.equal(nodeNameFrom(""), "node");
  assert.equal(nodeNameFrom("\u00e9"), "node");
  assert.equal(nodeNameFrom(`${"a".repeat(62)}-b`), "a".repeat(62));
});

test("the help names every setting with its three spellings and default, within 100 columns", () => {
  const text = usage();
  for (const row of Object.values(SETTINGS)) {
    assert.ok(text.includes(`--${row.flag} ${row.argument}\n`));
    assert.ok(text.includes(row.variable) && text.includes(row.fallbackText));
  }
  for (const line of text.split("\n")) assert.ok(line.length <= 100, line);
});

test("what is printed is a configuration file that gives the same settings", async () => {
  const config = await load(["--data", "/d #x", "--storage-dir", "/a,/b,/c", "--listen-api", "[::1]:1"], {
    SKERRY_LOG_LEVEL: "warn",
  });
  const text = formatConfig(config);
  assert.match(text, /^data: "\/d #x" # --data$/m);
  assert.match(text, /^ {2}api: "\[::1\]:1" # --listen-api$/m);
  assert.match(text, /^ {2}level: "warn" # SKERRY_LOG_LEVEL$/m);
  assert.match(text, /^ {2}# file: none # default$/m);
  const path = join(scratch, "printed.yaml");
  writeFileSync(path, text);
  const again = await load(["--config", path]);
  assert.deepEqual(reloadable(config, again), { live: [], restart: [] });
});

test("a reload tells what applies at once from what waits for a restart", async () => {
  const old = await load(["--data", "/d"]);
  const next = await load([
    "--data",
    "/e",
    "--log-level",
    "debug",
    "--log-format",
    "pretty",
    "--listen-api",
    "[::1]:1",
  ]);
  assert.deepEqual(reloadable(old, next), { live: ["log.format", "log.level"], restart: ["data", "listen.api"] });
  assert.deepEqual(reloadable(old, await load(["--data", "/d"])), { live: [], restart: [] });
  const logged = await load(["--data", "/d", "--log-file", "/l", "--storage-dir", "/s", "--node-name", "n"]);
  assert.deepEqual(reloadable(old, logged).restart, ["storage.directories", "log.file", "node.name"]);
});

test("suggestions are near, and nothing is suggested for something else", () => {
  assert.equal(nearest("LISTEN_API", ["listen.api", "log.level"]), "listen.api");
  assert.equal(nearest("lgo.level", ["listen.api", "log.level"]), "log.level");
  assert.equal(nearest("zzz", ["data"]), undefined);
  assert.equal(nearest("", ["data"]), undefined);
  assert.equal(nearest("x".repeat(100_000), ["data"]), undefined);
});
