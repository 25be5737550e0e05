import * as z from 'zod';
import { brokenPathRule, type RelativePath } from './path-rules.ts';

export const relativePathSchema = z.string().transform((path, context): RelativePath => {
  const rule = brokenPathRule(path);
  if (rule === undefined) return path as RelativePath;
  context.addIssue({ code: 'custom', message: rule });
  return z.NEVER;
});
