/** gRPC through the gateway, with the client and the server of @grpc/grpc-js: h2c on both sides. */
import { deepEqual, equal } from "node:assert/strict";
import { describe, test } from "node:test";
import {
  credentials,
  type Deadline,
  Metadata,
  makeGenericClientConstructor,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerUnaryCall,
  type ServiceError,
  type sendUnaryData,
  status,
} from "@grpc/grpc-js";
import { ProxyWorld, until } from "../../testing/proxy-world.ts";

const plain = {
  requestSerialize: (text: string) => Buffer.from(text),
  requestDeserialize: (bytes: Buffer) => bytes.toString(),
  responseSerialize: (text: string) => Buffer.from(text),
  responseDeserialize: (bytes: Buffer) => bytes.toString(),
};
const service = {
  upper: { ...plain, path: "/test.Echo/Upper", requestStream: false, responseStream: false },
  chat: { ...plain, path: "/test.Echo/Chat", requestStream: true, responseStream: true },
  never: { ...plain, path: "/test.Echo/Never", requestStream: false, responseStream: false },
} as const;
const Echo = makeGenericClientConstructor(service, "Echo");

class GrpcWorld implements AsyncDisposable {
  readonly world: ProxyWorld;
  readonly client: InstanceType<typeof Echo>;
  cancelled = 0;
  #server: Server;

  private constructor(world: ProxyWorld, server: Server) {
    this.world = world;
    this.#server = server;
    this.client = new Echo(`127.0.0.1:${world.port}`, credentials.createInsecure(), {
      "grpc.default_authority": "app.example",
    });
  }

  static async start(): Promise<GrpcWorld> {
    const world = await ProxyWorld.start();
    const server = new Server();
    const one = new GrpcWorld(world, server);
    server.addService(service, {
      upper: (call: ServerUnaryCall<string, string>, done: sendUnaryData<string>) => {
        const trailers = new Metadata();
        trailers.set("x-seen", String(call.metadata.get("x-ask")[0]));
        if (call.request === "fail")
          done({ code: status.FAILED_PRECONDITION, details: "not so: é", metadata: trailers });
        else done(null, call.request.toUpperCase(), trailers);
      },
      chat: (call: ServerDuplexStream<string, string>) => {
        call.on("data", (text: string) => call.write(`<${text}>`));
        call.on("end", () => call.end());
      },
      never: (call: ServerUnaryCall<string, string>) => call.on("cancelled", () => one.cancelled++),
    });
    const port = await new Promise<number>((resolve, reject) => {
      server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
        error === null ? resolve(bound) : reject(error),
      );
    });
    world.routeTo([{ kind: "tcp", host: "127.0.0.1", port, tls: false, basePath: "", protocol: "h2" }]);
    return one;
  }

  call(method: "upper" | "never", text: string, deadline?: Deadline): Promise<{ answer: string; trailers: Metadata }> {
    const { path, requestSerialize, responseDeserialize } = service[method];
    const asked = new Metadata();
    asked.set("x-ask", text.slice(0, 10));
    return new Promise((resolve, reject) => {
      let answer = "";
      let failure: ServiceError | undefined;
      const options = deadline === undefined ? {} : { deadline };
      const call = this.client.makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        text,
        asked,
        options,
        (error, got) => {
          failure = error ?? undefined;
          answer = got ?? "";
        },
      );
      call.on("status", ({ metadata }) => {
        if (failure === undefined) resolve({ answer, trailers: metadata });
        else reject(failure);
      });
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.client.close();
    this.#server.forceShutdown();
    await this.world[Symbol.asyncDispose]();
  }
}

describe("gRPC", () => {
  test("unary, with metadata and trailers", async () => {
    await using grpc = await GrpcWorld.start();
    for (const text of ["hello", "x".repeat(1_000_000)]) {
      const { answer, trailers } = await grpc.call("upper", text);
      equal(answer, text.toUpperCase());
      deepEqual(trailers.get("x-seen"), [text.slice(0, 10)]);
    }
    const many = await Promise.all(Array.from({ length: 200 }, (_, n) => grpc.call("upper", `n${n}`)));
    deepEqual(
      many.map(({ answer }) => answer),
      many.map((_, n) => `N${n}`),
    );
  });

  test("a status that is no success, with its text", async () => {
    await using grpc = await GrpcWorld.start();
    const failure = (await grpc.call("upper", "fail").catch((error: unknown) => error)) as ServiceError;
    deepEqual([failure.code, failure.details], [status.FAILED_PRECONDITION, "not so: é"]);
  });

  test("both ways at once", async () => {
    await using grpc = await GrpcWorld.start();
    const { path, requestSerialize, responseDeserialize } = service.chat;
    const call = grpc.client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize, new Metadata());
    const got: string[] = [];
    call.on("data", (text: string) => got.push(text));
    const ended = new Promise<number>((resolve) => call.on("status", ({ code }) => resolve(code)));
    for (let n = 0; n < 50; n++) {
      call.write(`m${n}`);
      if (n % 10 === 0) await until(() => got.length === n + 1, "an answer before the next question");
    }
    call.end();
    equal(await ended, status.OK);
    deepEqual(
      got,
      Array.from({ length: 50 }, (_, n) => `<m${n}>`),
    );
  });

  test("a deadline ends the call on both sides", async () => {
    await using grpc = await GrpcWorld.start();
    const failure = (await grpc.call("never", "x", Date.now() + 100).catch((error: unknown) => error)) as ServiceError;
    equal(failure.code, status.DEADLINE_EXCEEDED);
    await until(() => grpc.cancelled === 1, "the server hears of it");
    equal((await grpc.call("upper", "still there")).answer, "STILL THERE");
  });

  test("an upstream that is gone is UNAVAILABLE", async () => {
    await using grpc = await GrpcWorld.start();
    const port = await grpc.world.listen(() => undefined);
    await new Promise<void>((resolve) => grpc.world.stopListening(port, resolve));
    grpc.world.routeTo([{ kind: "tcp", host: "127.0.0.1", port, tls: false, basePath: "", protocol: "h2" }]);
    const failure = (await grpc.call("upper", "x").catch((error: unknown) => error)) as ServiceError;
    equal(failure.code, status.UNAVAILABLE);
  });
});
