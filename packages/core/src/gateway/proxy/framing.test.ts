/** How messages are delimited on their way through: lengths, chunks, trailers, the end of a connection. */
import { deepEqual, equal, match } from "node:assert/strict";
import { test } from "node:test";
import { ProxyWorld, type SeenRequest } from "../../testing/proxy-world.ts";

const HOST = "Host: app.example\r\n";
const OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

test("bodies of any size and framing arrive as they were, both ways", async () => {
  await using world = await ProxyWorld.start();
  await world.upstream(({ body, headers }) =>
    headers.get("x-chunks") === undefined
      ? `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`
      : `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${body === "" ? "" : `${body.length.toString(16)}\r\n${body}\r\n`}0\r\n\r\n`,
  );
  for (const sizeBytes of [0, 1, 8191, 8192, 8193, 65_536, 1_000_003]) {
    const body = Buffer.from(Array.from({ length: sizeBytes }, (_, i) => (i * 31) % 256)).toString("latin1");
    const plain = await world.exchange(
      `POST / HTTP/1.1\r\n${HOST}Connection: close\r\nContent-Length: ${sizeBytes}\r\n\r\n${body}`,
    );
    equal(plain.slice(plain.indexOf("\r\n\r\n") + 4) === body, true, `length ${sizeBytes}`);
    const chunks = body === "" ? "" : `${sizeBytes.toString(16)}\r\n${body}\r\n`;
    const chunked = await world.exchange(
      `POST / HTTP/1.1\r\n${HOST}X-Chunks: 1\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n${chunks}0\r\n\r\n`,
    );
    equal(chunked.slice(chunked.indexOf("\r\n\r\n") + 4) === `${chunks}0\r\n\r\n`, true, `chunks ${sizeBytes}`);
  }
});

test("trailers go through both ways, and those that would say something else about the message do not", async () => {
  await using world = await ProxyWorld.start();
  const trailers = "X-Sum: 1\r\nContent-Type: x\r\nSet-Cookie: a=b\r\nX-Forwarded-For: 6.6.6.6\r\nGrpc-Status: 0\r\n";
  const seen = await world.upstream(
    () => `HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n${trailers}\r\n`,
  );
  const answer = await world.exchange(
    `POST / HTTP/1.1\r\n${HOST}TE: gzip, trailers;q=1, Trailers\r\nTrailer: X-Sum\r\nConnection: close, TE\r\n` +
      `Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n${trailers}\r\n`,
  );
  match(answer, /\r\nTrailer: X-Sum\r\n[\s\S]*\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 1\r\nGrpc-Status: 0\r\n\r\n$/);
  const { headers, trailers: got } = seen[0] as SeenRequest;
  deepEqual([headers.get("te"), headers.get("connection"), headers.get("trailer")], ["trailers", "TE", "X-Sum"]);
  equal(got, "X-Sum: 1\r\nGrpc-Status: 0\r\n");
  match(await world.exchange(`GET / HTTP/1.0\r\n${HOST}\r\n`), /\r\n\r\nok$/);
});

test("HTTP/1.0 gets data without chunks, and the end of the connection", async () => {
  await using world = await ProxyWorld.start();
  await world.upstream(
    () => "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n",
  );
  const answer = await world.exchange(`GET / HTTP/1.0\r\n${HOST}Connection: keep-alive\r\n\r\n`);
  match(answer, /^HTTP\/1\.1 200 OK\r\nDate: .*\r\nX-Request-Id: \S+\r\nConnection: close\r\n\r\nhello world$/);
});

test("answers without a body end where they end, and the connections go on", async () => {
  await using world = await ProxyWorld.start();
  await world.upstream(({ line }) => {
    if (line.startsWith("HEAD")) return "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n";
    if (line.includes("/204")) return "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n";
    if (line.includes("/304")) return 'HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\nETag: "x"\r\n\r\n';
    return OK;
  });
  const answer = await world.exchange(
    ["HEAD /", "GET /204", "GET /304", "HEAD /", "GET /"]
      .map((line, i) => `${line} HTTP/1.1\r\n${HOST}${i === 4 ? "Connection: close\r\n" : ""}\r\n`)
      .join(""),
  );
  const answers = answer.split(/(?=HTTP\/1\.1 )/).map((one) => one.replace(/(?:Date|X-Request-Id): .*\r\n/g, ""));
  deepEqual(answers, [
    "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n",
    "HTTP/1.1 204 No Content\r\n\r\n",
    'HTTP/1.1 304 Not Modified\r\nETag: "x"\r\nContent-Length: 7\r\n\r\n',
    "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok",
  ]);
  equal(world.proxy.stats().upstreamConnections, 1);
});

test("a body that ends with the upstream's connection goes out in chunks, and to HTTP/1.0 until the end", async () => {
  await using world = await ProxyWorld.start();
  await world.upstream((_, socket) => {
    socket.end("HTTP/1.1 200 OK\r\n\r\nuntil the end");
    return undefined;
  });
  const requests = `GET / HTTP/1.1\r\n${HOST}\r\nGET / HTTP/1.1\r\n${HOST}Connection: close\r\n\r\n`;
  const answers = (await world.exchange(requests)).split(/(?=HTTP\/1\.1 )/);
  equal(answers.length, 2);
  for (const one of answers)
    match(one, /\r\nTransfer-Encoding: chunked\r\n[\s\S]*\r\n\r\nd\r\nuntil the end\r\n0\r\n\r\n$/);
  match(await world.exchange(`GET / HTTP/1.0\r\n${HOST}\r\n`), /Connection: close\r\n\r\nuntil the end$/);
});
