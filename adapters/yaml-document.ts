import { isNode, LineCounter, parseDocument } from 'yaml';
import type { z } from 'zod';
import { BadInput } from '#core/errors.ts';

/** A file that a person wrote, by its schema; BadInput names the line where it goes wrong. */
export function parseYaml<T>(path: string, schema: z.ZodType<T>, text: string): T {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const [syntax] = document.errors;
  if (syntax !== undefined) {
    throw new BadInput(`${path}, line ${lines.linePos(syntax.pos[0]).line}: ${syntax.message}`, { cause: syntax });
  }
  const parsed = schema.safeParse(document.toJS());
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const where = issue?.path ?? [];
  const line = lines.linePos(positionOf(document, where)).line;
  const field = where.length === 0 ? '' : `${where.map(String).join('.')}: `;
  throw new BadInput(`${path}, line ${line}: ${field}${issue?.message ?? 'not as it should be'}`, {
    cause: parsed.error,
  });
}

/** Offset of the nearest part of the document that is there. */
function positionOf(document: ReturnType<typeof parseDocument>, path: readonly PropertyKey[]): number {
  for (let length = path.length; length > 0; length--) {
    const node = document.getIn(path.slice(0, length), true);
    if (isNode(node) && node.range) return node.range[0];
  }
  return 0;
}
