import { fitLine, type Line, lineWidth, type Piece, type Tone } from "./line.ts";

export interface Frame {
  readonly title: Line;
  /** At the right end of the upper edge. */
  readonly note?: Line;
  readonly tone?: Tone;
}

/** A box of exactly `width` x `height` around the body, which is cut or filled. */
export function drawFrame({ title, note = [], tone = "faint" }: Frame, body: readonly Line[], size: Size): Line[] {
  const { width, height } = size;
  const inner = Math.max(0, width - 2);
  const edge = (text: string): Piece => ({ text, tone });
  const noteShown = note.length > 0 && lineWidth(title) + lineWidth(note) + 6 <= inner ? note : [];
  const end = noteShown.length > 0 ? [edge(" "), ...noteShown, edge(" ─")] : [];
  const head = fitLine([edge(" "), ...title, edge(" ")], Math.min(inner - 1, lineWidth(title) + 2));
  const rest = Math.max(0, inner - 1 - lineWidth(head) - lineWidth(end));
  const lines: Line[] = [[edge("╭─"), ...head, edge("─".repeat(rest)), ...end, edge("╮")]];
  for (let i = 0; i < height - 2; i++) lines.push([edge("│"), ...fitLine(body[i] ?? [], inner), edge("│")]);
  lines.push([edge(`╰${"─".repeat(inner)}╯`)]);
  return lines;
}

export interface Size {
  readonly width: number;
  readonly height: number;
}
