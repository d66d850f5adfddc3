/** Frames as they are sent, as latin1 text. */
import {
  ACK,
  CONTINUATION,
  END_HEADERS,
  END_STREAM,
  FRAME_BYTES,
  GOAWAY,
  HEADERS,
  PING,
  RST_STREAM,
  SETTINGS,
  WINDOW_UPDATE,
} from "./protocol.ts";

const { fromCharCode } = String;

export function frameHead(length: number, type: number, flags: number, id: number): string {
  return fromCharCode(
    length >>> 16,
    (length >>> 8) & 0xff,
    length & 0xff,
    type,
    flags,
    id >>> 24,
    (id >>> 16) & 0xff,
    (id >>> 8) & 0xff,
    id & 0xff,
  );
}

function uint32(value: number): string {
  return fromCharCode(value >>> 24, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff);
}

/** A header block in one frame, and more when it does not fit. */
export function headersFrame(id: number, block: string, endsStream: boolean): string {
  const end = endsStream ? END_STREAM : 0;
  if (block.length <= FRAME_BYTES) return frameHead(block.length, HEADERS, END_HEADERS | end, id) + block;
  let text = frameHead(FRAME_BYTES, HEADERS, end, id) + block.slice(0, FRAME_BYTES);
  for (let from = FRAME_BYTES; from < block.length; from += FRAME_BYTES) {
    const part = block.slice(from, from + FRAME_BYTES);
    const isLast = from + FRAME_BYTES >= block.length;
    text += frameHead(part.length, CONTINUATION, isLast ? END_HEADERS : 0, id) + part;
  }
  return text;
}

export function resetFrame(id: number, code: number): string {
  return frameHead(4, RST_STREAM, 0, id) + uint32(code);
}

export function windowFrame(id: number, bytes: number): string {
  return frameHead(4, WINDOW_UPDATE, 0, id) + uint32(bytes);
}

/** `data` has eight bytes. */
export function pingFrame(data: string, isAnswer: boolean): string {
  return frameHead(8, PING, isAnswer ? ACK : 0, 0) + data;
}

export function goAwayFrame(lastId: number, code: number, message: string): string {
  return frameHead(8 + message.length, GOAWAY, 0, 0) + uint32(lastId) + uint32(code) + message;
}

export function settingsFrame(settings: readonly (readonly [id: number, value: number])[]): string {
  const text = settings.map(([id, value]) => fromCharCode(id >>> 8, id & 0xff) + uint32(value)).join("");
  return frameHead(text.length, SETTINGS, 0, 0) + text;
}

export const SETTINGS_ACK = frameHead(0, SETTINGS, ACK, 0);
