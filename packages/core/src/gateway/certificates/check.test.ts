import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { isError, SkerryError } from "../../domain/errors.ts";
import { LIMITS } from "../../domain/limits.ts";
import { makeAuthority, type TestAuthority, type TestCertificate } from "../../testing/certificates.ts";
import { type Brought, checkBrought } from "./check.ts";
import { factsOf } from "./facts.ts";

const DAY_MS = 86_400_000;
const now = () => Date.now();
let directory = "";
let root: TestAuthority;
let middle: TestAuthority;
let lower: TestAuthority;
let good: TestCertificate;
before(async () => {
  directory = mkdtempSync(join(tmpdir(), "skerry-check-"));
  root = await makeAuthority("Root");
  middle = await root.below("Middle");
  lower = await middle.below("Lower");
  good = await lower.issue({ names: ["app.example.com", "*.app.example.com"] });
});
after(() => rmSync(directory, { recursive: true, force: true }));

const check = (more: Partial<Brought>) => checkBrought({ use: "server", ...good, ...more }, now());
const parts = (pem: string) => pem.split(/(?<=-----END CERTIFICATE-----\n)/);

function refused(more: Partial<Brought>, field: string, message: RegExp): void {
  assert.throws(
    () => check(more),
    (error: unknown) => {
      assert.ok(error instanceof SkerryError && isError(error, "invalid"), String(error));
      assert.match(error.message, message);
      assert.equal(error.details?.["field"], `spec.${field}`);
      assert.ok((error.hint ?? "").length > 10);
      assert.doesNotMatch(`${error.message}${error.hint}`, /BEGIN PRIVATE KEY-----\n/);
      return true;
    },
  );
}

const openssl = (...args: string[]) =>
  execFileSync("openssl", args, { cwd: directory, stdio: ["ignore", "pipe", "pipe"] });

test("a chain is taken whole, without what stands around it, and told of", () => {
  const noise = `subject=CN = x\n${good.certificate.replaceAll("\n", "\r\n")}\r\nissuer=y\n`;
  const taken = check({ certificate: noise });
  assert.equal(taken.certificate, good.certificate);
  assert.equal(taken.certificate.match(/BEGIN/g)?.length, 3);
  const facts = factsOf(taken);
  assert.deepEqual(facts.names, ["app.example.com", "*.app.example.com"]);
  assert.deepEqual([facts.serial, facts.issuer, facts.keyType], [good.serial, "CN=Lower", "P-256"]);
  check({ certificate: `${good.certificate}${root.certificate}` });
});

test("what is wrong with a chain is said with its place", async () => {
  const [leaf = "", low = "", mid = ""] = parts(good.certificate);
  refused({ certificate: "" }, "certificate", /no certificate in PEM/);
  refused(
    { certificate: leaf + mid + low },
    "certificate",
    /^Certificate 2 of the file \("CN=Middle"\) did not issue certificate 1 \(app\.example\.com\); certificate 3 did: they are out of order/,
  );
  refused(
    { certificate: leaf + mid },
    "certificate",
    /Certificate 2 .* did not issue certificate 1 .*, and no other one did/,
  );
  refused({ certificate: leaf + leaf }, "certificate", /did not issue/);
  refused({ certificate: leaf.replace("MI", "QQ") }, "certificate", /Certificate 1 of the file cannot be read/);
  refused({ certificate: leaf + good.key }, "certificate", /Among the certificates is a key/);
  refused({ certificate: leaf.repeat(LIMITS.gateway.maxChain + 1) }, "certificate", /at most 10/);
  const old = await lower.issue({ names: ["a.example"], fromMs: -3 * DAY_MS, toMs: -DAY_MS });
  refused(old, "certificate", /^Certificate 1 of the file \(a\.example\) expired on \d{4}-\d\d-\d\d/);
  const early = await lower.issue({ names: ["a.example"], fromMs: DAY_MS });
  refused(early, "certificate", /is not good before/);
  refused(await lower.issue({ names: ["a.example"], use: "client" }), "certificate", /is not one of a server/);
  check({ ...(await lower.issue({ use: "client" })), use: "client" });
  refused({ use: "client" }, "certificate", /is not one of a client/);
  check({ ...(await lower.issue({ names: ["a.example"], use: "any" })) });
  refused(await lower.issue({}), "certificate", /names no host/);
  refused({ certificate: low + mid }, "certificate", /is an authority's/);
  const many = Array.from({ length: LIMITS.gateway.maxCertificateNames + 1 }, (_, i) => `n${i}.example`);
  refused(await lower.issue({ names: many }), "certificate", /names 101 hosts/);
});

test("a key must be there alone, open, and fit", async () => {
  const other = await lower.issue({ names: ["b.example"] });
  refused({ key: other.key }, "key", /does not fit/);
  refused({ key: "" }, "key", /no key in PEM/);
  refused({ key: good.key + good.key }, "key", /2 blocks/);
  refused({ key: good.key.replace("MI", "QQ") }, "key", /cannot be read/);
  writeFileSync(join(directory, "key.pem"), good.key, { mode: 0o600 });
  const pkcs8 = openssl("pkcs8", "-topk8", "-in", "key.pem", "-passout", "pass:x", "-v2", "aes256").toString();
  refused({ key: pkcs8 }, "key", /encrypted/);
  const old = openssl("ec", "-in", "key.pem", "-aes128", "-passout", "pass:x").toString();
  refused({ key: old }, "key", /encrypted/);
  const sec1 = openssl("ec", "-in", "key.pem").toString();
  assert.equal(
    check({ key: `-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n${sec1}` }).key,
    good.key,
  );
});

test("keys of these kinds are taken, and no others", () => {
  const made = (...kind: string[]) => {
    openssl(
      "req",
      "-x509",
      "-newkey",
      ...kind,
      "-nodes",
      "-keyout",
      "k.pem",
      "-out",
      "c.pem",
      "-days",
      "10",
      "-subj",
      "/CN=x",
      "-addext",
      "subjectAltName=DNS:x.example",
    );
    const read = (name: string) => readFileSync(join(directory, name), "utf8");
    return { certificate: read("c.pem"), key: read("k.pem") };
  };
  const curve = (name: string) => ["ec", "-pkeyopt", `ec_paramgen_curve:${name}`];
  for (const kind of [["rsa:2048"], curve("P-256"), curve("P-384"), ["ed25519"]]) check(made(...kind));
  refused(made(...curve("secp256k1")), "certificate", /of a kind that is not taken \(EC secp256k1\)/);
  refused(made("rsa:1024"), "certificate", /\(RSA 1024\)/);
});

test("an OCSP response is for this certificate, good, and fresh", async () => {
  const leaf = parts(good.certificate)[0] ?? "";
  const other = await lower.issue({ names: ["b.example"] });
  const ca = await makeAuthority("Responder");
  const signed = await ca.issue({ names: ["signed.example"] });
  writeFileSync(join(directory, "ca.pem"), ca.certificate);
  writeFileSync(join(directory, "ca.key"), ca.key);
  writeFileSync(join(directory, "leaf.pem"), signed.certificate);
  const answer = (state: string, ...more: string[]) => {
    const serial = signed.serial.toUpperCase().padStart(signed.serial.length + (signed.serial.length % 2), "0");
    const revoked = state === "R" ? "200101000000Z" : "";
    writeFileSync(join(directory, "index.txt"), `${state}\t400101000000Z\t${revoked}\t${serial}\tunknown\t/CN=x\n`);
    openssl("ocsp", "-issuer", "ca.pem", "-cert", "leaf.pem", "-reqout", "req.der");
    openssl(
      "ocsp",
      "-index",
      "index.txt",
      "-rsigner",
      "ca.pem",
      "-rkey",
      "ca.key",
      "-CA",
      "ca.pem",
      "-reqin",
      "req.der",
      "-respout",
      "resp.der",
      ...more,
    );
    return readFileSync(join(directory, "resp.der")).toString("base64");
  };
  const fresh = answer("V", "-ndays", "3");
  const taken = check({ ...signed, ocsp: fresh });
  const untilMs = factsOf(taken).ocspUntilMs ?? 0;
  assert.ok(untilMs > now() + 2 * DAY_MS && untilMs < now() + 4 * DAY_MS);
  refused({ certificate: leaf, key: good.key, ocsp: fresh }, "ocsp", /for another certificate/);
  refused({ ...other, ocsp: fresh }, "ocsp", /for another certificate/);
  refused({ ...signed, ocsp: answer("R", "-ndays", "3") }, "ocsp", /says that the certificate is revoked/);
  refused({ ...signed, ocsp: answer("V") }, "ocsp", /stale/);
  assert.throws(
    () => checkBrought({ use: "server", ...signed, ocsp: fresh }, now() + 4 * DAY_MS),
    /stale: it was good/,
  );
  for (const bytes of ["", "AAAA", fresh.slice(0, 40), Buffer.from([0x30, 3, 10, 1, 6]).toString("base64")]) {
    refused({ ...signed, ocsp: bytes }, "ocsp", /no OCSP response/);
  }
  const whole = Buffer.from(fresh, "base64");
  for (let at = 0; at < whole.length; at++) {
    const bad = Buffer.from(whole);
    bad[at] = (bad[at] ?? 0) ^ 0x55;
    try {
      check({ ...signed, ocsp: bad.toString("base64") });
    } catch (error) {
      assert.ok(isError(error, "invalid"), `${at}: ${error}`);
    }
  }
});
