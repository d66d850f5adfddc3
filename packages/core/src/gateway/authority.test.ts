import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { isError } from "../domain/errors.ts";
import { LIMITS } from "../domain/limits.ts";
import { realDisk as disk } from "../platform/disk.ts";
import { realRandom as random } from "../platform/random.ts";
import { createFakeClock } from "../testing/fake-clock.ts";
import { Authority } from "./authority.ts";

let directory = "";
before(async () => {
  directory = await mkdtemp(join(tmpdir(), "skerry-authority-"));
});
after(() => rm(directory, { recursive: true, force: true }));

const open = (name: string, clock = createFakeClock(Date.now())) => ({
  clock,
  authority: new Authority({ disk, random, clock, directory: join(directory, name), cluster: "c".repeat(26) }),
});

test("a certificate for a host is one that openssl verifies with the authority's", async () => {
  const { authority } = open("one");
  const { certificate } = await authority.issue("app.example.com");
  const files = { ca: join(directory, "ca.pem"), leaf: join(directory, "leaf.pem") };
  await writeFile(files.ca, await authority.certificate());
  await writeFile(files.leaf, certificate);
  const verify = ["verify", "-x509_strict", "-purpose", "sslserver", "-CAfile", files.ca, "-verify_hostname"];
  const { stdout } = await promisify(execFile)("openssl", [...verify, "app.example.com", files.leaf]);
  assert.match(stdout, /: OK/);
  await assert.rejects(promisify(execFile)("openssl", [...verify, "other.example.com", files.leaf]));
  const address = new X509Certificate((await authority.issue("127.0.0.1")).certificate);
  assert.equal(address.subjectAltName, "IP Address:127.0.0.1");
});

test("the authority outlives a restart; its key is nobody else's to read", async () => {
  const first = await open("two").authority.certificate();
  assert.equal(await open("two").authority.certificate(), first);
  assert.equal((await stat(join(directory, "two", "authority.key"))).mode & 0o077, 0);
});

test("many handshakes at once make one certificate; an old one is made anew", async () => {
  const { authority, clock } = open("three");
  const made = await Promise.all(Array.from({ length: 20 }, () => authority.issue("a.example")));
  assert.equal(new Set(made.map(({ certificate }) => certificate)).size, 1);
  await clock.advance(LIMITS.gateway.renewCertificateMs + 1);
  const renewed = await authority.issue("a.example");
  assert.notEqual(renewed.certificate, made[0]?.certificate);
});

test("an authority whose files do not belong together is refused, and left as it is", async () => {
  await open("four").authority.certificate();
  await open("five").authority.certificate();
  const foreign = await readFile(join(directory, "five", "authority.key"));
  await writeFile(join(directory, "four", "authority.key"), foreign);
  await assert.rejects(open("four").authority.issue("a"), (error) => isError(error, "internal/corrupt"));
  assert.deepEqual(await readFile(join(directory, "four", "authority.key")), foreign);
  // A crash between the two: the key alone was never used.
  await rm(join(directory, "five", "authority.pem"));
  await open("five").authority.certificate();
});
