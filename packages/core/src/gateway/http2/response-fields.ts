/** The fields of an answer (RFC 9113 8.3.2) as the head that HTTP/1 would have given. */

import { BAD_LENGTH, contentLength } from "../http1/content-length.ts";
import { Refusal } from "../http1/grammar.ts";
import { DROP } from "../http1/head-fields.ts";
import { CHUNKED } from "../http1/request-head.ts";
import { RESPONSE_DATE, RESPONSE_LENGTH, RESPONSE_NAMES, type ResponseHead } from "../http1/response-head.ts";
import { statusText } from "../http1/status-texts.ts";
import { type Field, UNREAD } from "./field.ts";
import { isPseudo, MALFORMED, meaningOf, PASS } from "./field-grammar.ts";
import type { FieldBlock } from "./hpack-decoder.ts";

const STATUS = 100;
const MEANINGS: ReadonlyMap<string, number> = new Map<string, number>(RESPONSE_NAMES);

const BAD_HEAD = new Refusal("unavailable/upstream", "The answer's head is not one of HTTP/2.");
const TOO_LARGE = new Refusal("unavailable/upstream", "The answer's head exceeds the limit.");
const SHORT_BODY = new Refusal("unavailable/upstream", "The answer's body is not as long as its head has said.");
const TWO_LENGTHS = new Refusal("unavailable/upstream", "The answer has more than one Content-Length.");

/** `isHead`: it answers a HEAD request. Kept with the block. */
export function readResponse(block: FieldBlock, endsStream: boolean, isHead: boolean): ResponseHead | Refusal {
  const known = block.reading as Reading | undefined;
  if (known?.endsStream === endsStream && known.isHead === isHead) return known.head;
  const head = read(block, endsStream, isHead);
  block.reading = { endsStream, isHead, head } satisfies Reading;
  return head;
}

interface Reading {
  readonly endsStream: boolean;
  readonly isHead: boolean;
  readonly head: ResponseHead | Refusal;
}

function read({ fields, isTooLarge }: FieldBlock, endsStream: boolean, isHead: boolean): ResponseHead | Refusal {
  let status = 0;
  let length: number | undefined;
  let hasDate = false;
  let lines = "";
  for (const [at, field] of fields.entries()) {
    if (field.inResponse === UNREAD) field.inResponse = responseMeaning(field);
    const what = field.inResponse;
    if (what === MALFORMED || (what === STATUS) !== (at === 0)) return BAD_HEAD;
    if (what === STATUS) status = Number(field.value);
    else if (what === RESPONSE_LENGTH) {
      if (length !== undefined) return TWO_LENGTHS;
      length = contentLength(field.value);
      if (length < 0) return BAD_LENGTH;
    } else if (what !== DROP) lines += field.line;
    if (what === RESPONSE_DATE) hasDate = true;
  }
  if (isTooLarge) return TOO_LARGE;
  // RFC 9113 8.6: nothing switches protocols here.
  if (status === 0 || status === 101) return BAD_HEAD;
  const hasNoBody = isHead || status < 200 || status === 204 || status === 304;
  // HTTP/1 must be told that nothing follows.
  if (endsStream && !hasNoBody) length ??= 0;
  if (endsStream && !hasNoBody && length !== 0) return SHORT_BODY;
  return {
    ...{ status, statusText: ` ${status} ${statusText(status)}`, lines, hasDate },
    bodyBytes: hasNoBody || endsStream ? 0 : (length ?? CHUNKED),
    contentLength: length,
    keepAlive: true,
    isUpgrade: false,
  };
}

function responseMeaning(field: Field): number {
  if (isPseudo(field.name)) return field.name === ":status" && /^[1-5]\d\d$/.test(field.value) ? STATUS : MALFORMED;
  const what = meaningOf(field, MEANINGS);
  return what === PASS || what === MALFORMED || what === RESPONSE_LENGTH || what === RESPONSE_DATE ? what : DROP;
}
