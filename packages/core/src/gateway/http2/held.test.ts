/** What a stream holds until its owner takes it. */
import { equal } from "node:assert/strict";
import { test } from "node:test";
import { Http2Stream, type StreamHost } from "./stream.ts";
import { ReceiveWindow } from "./windows.ts";

test("what was held is given back once, though its owner resumes while it takes it", () => {
  let back = 0;
  const nothing = () => undefined;
  const host: StreamHost = {
    ...{ sendWindow: 1000, opensStreams: false, isWireBlocked: false, wake: nothing, awaitRoom: nothing },
    ...{ sendHeaders: nothing, sendData: nothing, beginWrite: nothing, endWrite: nothing, onCrumb: nothing },
    ...{ sendReset: nothing, onDataCame: nothing, onStreamOver: nothing },
    giveBack: (_stream, bytes) => {
      back += bytes;
    },
  };
  const stream = new Http2Stream(host, 1, 1000, new ReceiveWindow(1000, 1000));
  let isTaking = false;
  const taken: string[] = [];
  stream.owner = {
    ...{ onHead: nothing, onTrailers: nothing, onEnd: nothing, onDrain: nothing, onReset: nothing },
    onData(bytes, from, to) {
      if (!isTaking) return from;
      taken.push(bytes.toString("latin1", from, to));
      if (taken.length === 1) stream.resume();
      return to;
    },
  };
  stream.onData(Buffer.from("held"), 0, 4);
  isTaking = true;
  stream.resume();
  equal(taken.join(), "held");
  equal(back, 4);
  stream.onData(Buffer.from("next"), 0, 4);
  equal(taken.join(), "held,next");
  equal(back, 8);
});
