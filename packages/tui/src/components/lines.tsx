/** Puts lines on the terminal. */
import { Box, Text } from "ink";
import type { Line, Piece, Tone } from "./line.ts";

const COLORS: Readonly<Record<Tone, string | undefined>> = {
  plain: undefined,
  accent: "cyan",
  good: "green",
  warn: "yellow",
  bad: "red",
  faint: "gray",
};

interface LinesProps {
  readonly lines: readonly Line[];
  readonly color: boolean;
}

export function Lines({ lines, color }: LinesProps) {
  return (
    <Box flexDirection="column">
      {lines.map((line, i) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a line is its place on the screen
        <Text key={i} wrap="truncate">
          {line.map((piece, j) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: and a piece its place in the line
            <Text key={j} {...styleOf(piece, color)}>
              {piece.text}
            </Text>
          ))}
        </Text>
      ))}
    </Box>
  );
}

function styleOf({ tone = "plain", bold = false, inverse = false }: Piece, color: boolean) {
  const named = color ? COLORS[tone] : undefined;
  return { bold, inverse, ...(named === undefined ? {} : { color: named }) };
}
