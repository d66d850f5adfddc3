/** HPACK: the examples of RFC 7541 appendix C, what is refused, and everything encoded comes back. */
import { deepEqual, equal, ok } from "node:assert/strict";
import { describe, test } from "node:test";
import { createSimRandom } from "../../testing/sim-random.ts";
import { STATIC_TABLE } from "./field.ts";
import { type FieldBlock, HpackDecoder } from "./hpack-decoder.ts";
import { encodeField, encodeInteger, encodeLines, encodePlainString, encodeStatus } from "./hpack-encoder.ts";
import { huffmanDecode, huffmanEncode, huffmanLength } from "./huffman.ts";
import { COMPRESSION_ERROR, Fault } from "./protocol.ts";

const LIMITS = { maxListBytes: 32_768, maxFields: 128, maxBlockBytes: 65_536 };

function bytesOf(text: string): Buffer {
  return /^[0-9a-f ]*$/.test(text) ? Buffer.from(text.replaceAll(" ", ""), "hex") : Buffer.from(text, "latin1");
}

function read(decoder: HpackDecoder, text: string): string[] {
  const bytes = bytesOf(text);
  const block = decoder.decode(bytes, 0, bytes.length);
  if (block instanceof Fault) throw new Error(block.message);
  return block.fields.map(({ name, value }) => `${name}: ${value}`);
}

function faultOf(text: string): number {
  const bytes = bytesOf(text);
  const block = new HpackDecoder(LIMITS).decode(bytes, 0, bytes.length);
  ok(block instanceof Fault, text);
  return block.code;
}

const FIRST = [":method: GET", ":scheme: http", ":path: /", ":authority: www.example.com"];
const THIRD = [
  ":method: GET",
  ":scheme: https",
  ":path: /index.html",
  ":authority: www.example.com",
  "custom-key: custom-value",
];

describe("RFC 7541 appendix C", () => {
  test("C.2: fields in each of the forms", () => {
    const decoder = new HpackDecoder(LIMITS);
    deepEqual(read(decoder, "400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572"), [
      "custom-key: custom-header",
    ]);
    deepEqual(read(decoder, "040c 2f73 616d 706c 652f 7061 7468"), [":path: /sample/path"]);
    deepEqual(read(decoder, "1008 7061 7373 776f 7264 0673 6563 7265 74"), ["password: secret"]);
    deepEqual(read(decoder, "82"), [":method: GET"]);
  });

  test("C.3: requests without Huffman", () => {
    const decoder = new HpackDecoder(LIMITS);
    deepEqual(read(decoder, "8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d"), FIRST);
    deepEqual(read(decoder, "8286 84be 5808 6e6f 2d63 6163 6865"), [...FIRST, "cache-control: no-cache"]);
    deepEqual(read(decoder, "8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65"), THIRD);
  });

  test("C.4: requests with Huffman", () => {
    const decoder = new HpackDecoder(LIMITS);
    deepEqual(read(decoder, "8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff"), FIRST);
    deepEqual(read(decoder, "8286 84be 5886 a8eb 1064 9cbf"), [...FIRST, "cache-control: no-cache"]);
    deepEqual(read(decoder, "8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf"), THIRD);
  });

  test("C.6: answers with Huffman and a table of 256 bytes from which fields go", () => {
    const decoder = new HpackDecoder(LIMITS);
    const date = "date: Mon, 21 Oct 2013 20:13:21 GMT";
    const location = "location: https://www.example.com";
    deepEqual(
      read(
        decoder,
        "3fe1 01 4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad 1718 63c7 8f0b 97c8 e9ae 82ae 43d3",
      ),
      [":status: 302", "cache-control: private", date, location],
    );
    deepEqual(read(decoder, "4883 640e ffc1 c0bf"), [":status: 307", "cache-control: private", date, location]);
    deepEqual(
      read(
        decoder,
        "88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d d7f2 e6c7 b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07",
      ),
      [
        ":status: 200",
        "cache-control: private",
        "date: Mon, 21 Oct 2013 20:13:22 GMT",
        location,
        "content-encoding: gzip",
        "set-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1",
      ],
    );
  });
});

describe("what is no header block", () => {
  for (const [name, text] of [
    ["index 0", "80"],
    ["an index in no table", "be"],
    ["a name in no table", "7e 01 61"],
    ["a number without an end", "ff ff"],
    ["a number that is too large", "ff ff ff ff ff ff 7f"],
    ["a string that is longer than the block", "00 05 61"],
    ["a name without a value", "00 01 61"],
    ["Huffman with the end of string in it", "00 01 61 84 ff ff ff ff"],
    ["Huffman with eight bits of padding", "00 01 61 82 1f ff"],
    ["Huffman padded with zeros", "00 01 61 81 18"],
    ["a table that is too large", "3f e2 1f"],
    ["a size behind a field", "82 20"],
  ] as const) {
    test(name, () => equal(faultOf(text), COMPRESSION_ERROR));
  }
});

describe("limits", () => {
  function decode(decoder: HpackDecoder, text: string): FieldBlock {
    const bytes = Buffer.from(text, "latin1");
    const block = decoder.decode(bytes, 0, bytes.length);
    if (block instanceof Fault) throw new Error(block.message);
    return block;
  }

  test("a bomb of references keeps no more than the limit, and the table stays right", () => {
    const decoder = new HpackDecoder(LIMITS);
    const large = `\x40${encodePlainString("a")}${encodePlainString("x".repeat(4000))}`;
    const bomb = decode(decoder, large + "\xbe".repeat(60_000));
    ok(bomb.isTooLarge);
    ok(bomb.fields.length <= 8, `${bomb.fields.length}`);
    deepEqual(
      decode(decoder, "\xbe").fields.map(({ name }) => name),
      ["a"],
    );
  });

  test("one field too many", () => {
    ok(!decode(new HpackDecoder(LIMITS), "\x82".repeat(128)).isTooLarge);
    ok(decode(new HpackDecoder(LIMITS), "\x82".repeat(129)).isTooLarge);
  });

  test("a field larger than the table empties it", () => {
    const decoder = new HpackDecoder(LIMITS);
    decode(decoder, `\x40\x01a\x01b`);
    decode(decoder, `\x40\x01a${encodePlainString("x".repeat(5000))}`);
    const bytes = Buffer.from([0xbe]);
    ok(decoder.decode(bytes, 0, 1) instanceof Fault);
  });

  test("a block is remembered only while the table is the same", () => {
    const decoder = new HpackDecoder(LIMITS);
    decode(decoder, "\x40\x01a\x01b");
    const first = decode(decoder, "\x82\xbe");
    equal(decode(decoder, "\x82\xbe"), first);
    decode(decoder, "\x40\x01c\x01d");
    deepEqual(
      decode(decoder, "\x82\xbe").fields.map(({ name }) => name),
      [":method", "c"],
    );
  });
});

test("every byte goes through the Huffman code and back", () => {
  const random = createSimRandom(1);
  const out = Buffer.alloc(4096);
  for (let round = 0; round < 500; round++) {
    const text = Buffer.from(
      Array.from({ length: random.below(200) }, () =>
        random.below(3) === 0 ? random.below(256) : 32 + random.below(96),
      ),
    ).toString("latin1");
    const coded = Buffer.from(huffmanEncode(text), "latin1");
    equal(coded.length, huffmanLength(text));
    const length = huffmanDecode(coded, 0, coded.length, out);
    equal(out.toString("latin1", 0, length), text);
  }
});

test("numbers of all sizes come back", () => {
  const decoder = new HpackDecoder({ ...LIMITS, maxBlockBytes: 300_000, maxListBytes: 300_000 });
  for (const length of [0, 1, 126, 127, 128, 254, 255, 16_383, 16_510, 16_511, 200_000]) {
    const value = "\x00".repeat(length);
    const block = `\x00\x01a${encodeInteger(length, 127, 0)}${value}`;
    deepEqual(read(decoder, block), [`a: ${value}`]);
  }
});

test("what the encoder gives is what the decoder reads, and no table is needed", () => {
  const lines =
    "Content-Type: text/html; charset=utf-8\r\nSet-Cookie: a=b\r\nX-Odd:\t caf\xe9 \xa0 \r\nVary: *\r\nEmpty:\r\n" +
    "Accept-Encoding: gzip, deflate\r\n";
  for (let round = 0; round < 2; round++) {
    const block = encodeStatus(200) + encodeStatus(418) + encodeLines(lines) + encodeField("content-length", "5");
    deepEqual(read(new HpackDecoder(LIMITS), block), [
      ":status: 200",
      ":status: 418",
      "content-type: text/html; charset=utf-8",
      "set-cookie: a=b",
      "x-odd: caf\xe9 \xa0",
      "vary: *",
      "empty: ",
      "accept-encoding: gzip, deflate",
      "content-length: 5",
    ]);
  }
  for (const { name, value } of STATIC_TABLE.slice(1)) {
    deepEqual(read(new HpackDecoder(LIMITS), encodeField(name, value)), [`${name}: ${value}`]);
  }
});
