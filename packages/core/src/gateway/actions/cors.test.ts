/** What browsers are told about pages of other origins. */
import { deepEqual, doesNotMatch, equal, match, throws } from "node:assert/strict";
import { test } from "node:test";
import { type Cors, canonicalCors } from "../../domain/cors-rules.ts";
import { ProxyWorld } from "../../testing/proxy-world.ts";

const LAST = "Host: app.example\r\nConnection: close\r\n\r\n";
const PREFLIGHT = "Access-Control-Request-Method: PUT\r\nAccess-Control-Request-Headers: x-a\r\n";

function cors(answer: string): string[] {
  return answer.split("\r\n").filter((line) => /^(access-control|vary)/i.test(line));
}

async function asked(policy: Cors, upstream: string, ...requests: readonly string[]) {
  await using world = await ProxyWorld.start();
  world.actions = { cors: canonicalCors(policy) };
  const seen = await world.upstream(() => `HTTP/1.1 200 OK\r\n${upstream}Content-Length: 0\r\n\r\n`);
  const answers: string[] = [];
  for (const request of requests) answers.push(await world.exchange(`${request}${LAST}`));
  return { answers, seen };
}

test("a preflight is answered by the gateway, for origins that are allowed", async () => {
  const policy: Cors = {
    origins: ["https://App.example:443", "https://*.dev.example:8443"],
    ...{ methods: ["get", "PUT"], headers: ["X-A", "Content-Type"], credentials: true, maxAge: 600 },
  };
  const preflight = (origin: string) => `OPTIONS /x HTTP/1.1\r\nOrigin: ${origin}\r\n${PREFLIGHT}`;
  const good = ["https://app.example", "https://a.b.dev.example:8443"];
  const bad = [
    ...["http://app.example", "https://evil.example", "null", "https://app.example.evil", "https://dev.example:8443"],
    ...["https://.dev.example:8443", "https://evil.example/.dev.example:8443", "https://x@y.dev.example:8443"],
    ...["https://xdev.example:8443", "https://a.dev.example"],
  ];
  const { answers, seen } = await asked(policy, "", ...[...good, ...bad].map(preflight));
  equal(seen.length, 0);
  for (const [at, origin] of good.entries()) {
    match(answers[at] as string, /^HTTP\/1\.1 204 (?![\s\S]*Content-Length)/);
    deepEqual(cors(answers[at] as string), [
      ...[`Access-Control-Allow-Origin: ${origin}`, "Access-Control-Allow-Credentials: true"],
      ...["Access-Control-Allow-Methods: GET, PUT", "Access-Control-Allow-Headers: X-A, Content-Type"],
      ...["Access-Control-Max-Age: 600", "Vary: Origin, Access-Control-Request-Method, Access-Control-Request-Headers"],
    ]);
  }
  for (const answer of answers.slice(good.length)) {
    match(answer, /^HTTP\/1\.1 204 /);
    doesNotMatch(answer, /\r\nAccess-Control/);
  }
});

test("an answer has what this page may, in place of what the upstream says", async () => {
  const upstream =
    "access-control-allow-origin: *\r\nAccess-Control-Allow-Credentials: true\r\nVary: Accept\r\nX-B: c\r\n";
  const policy = { origins: ["https://a.example"], expose: ["X-B"] };
  const get = (origin: string) => `GET / HTTP/1.1\r\n${origin}`;
  const { answers } = await asked(
    policy,
    upstream,
    ...[get("Origin: https://a.example\r\n"), get("Origin: https://b.example\r\n"), get("")],
  );
  const allowed = ["Access-Control-Allow-Origin: https://a.example", "Access-Control-Expose-Headers: X-B"];
  deepEqual(cors(answers[0] as string), ["Vary: Accept", ...allowed, "Vary: Origin"]);
  deepEqual(cors(answers[1] as string), ["Vary: Accept", "Vary: Origin"]);
  deepEqual(cors(answers[2] as string), ["Vary: Accept", "Vary: Origin"]);
  for (const answer of answers) match(answer, /\r\nX-B: c\r\n/);
});

test("every origin is a star that nothing depends on; what is not asked by a browser goes to the upstream", async () => {
  const { answers, seen } = await asked(
    { origins: ["*"], headers: ["*"] },
    "",
    ...["GET / HTTP/1.1\r\nOrigin: https://a.example\r\n", "OPTIONS / HTTP/1.1\r\nOrigin: https://a.example\r\n"],
  );
  deepEqual(answers.map(cors), [["Access-Control-Allow-Origin: *"], ["Access-Control-Allow-Origin: *"]]);
  equal(seen.length, 2);
});

test("what would let every page act as its reader is refused", () => {
  for (const [policy, message] of [
    [{ origins: ["*"], credentials: true }, /no \* in origins/],
    [{ origins: ["https://a.example"], headers: ["*"], credentials: true }, /no \* in headers/],
    [{ origins: ["https://a.example"], methods: ["*"], credentials: true }, /no \* in methods/],
    [{ origins: [] }, /1 to/],
    [{ origins: ["*", "https://a.example"] }, /every origin/],
    [{ origins: ["null"] }, /no origin/],
    [{ origins: ["a.example"] }, /no origin/],
    [{ origins: ["https://a.example/x"] }, /no origin/],
    [{ origins: ["https://a.*.example"] }, /no origin/],
    [{ origins: ["https://*.*.example"] }, /no origin/],
    [{ origins: ["https://a.example\r\nX: y"] }, /no origin/],
    [{ origins: ["https://u@a.example"] }, /no origin/],
    [{ origins: ["https://a.example"], headers: ["a\r\nb"] }, /no name/],
    [{ origins: ["https://a.example"], maxAge: -1 }, /0 to/],
  ] as const)
    throws(() => canonicalCors(policy), message, JSON.stringify(policy));
  deepEqual(canonicalCors({ origins: ["HTTPS://Ü.example:443", "http://*.a.example:8080"] }).origins, [
    "https://xn--tda.example",
    "http://*.a.example:8080",
  ]);
});
