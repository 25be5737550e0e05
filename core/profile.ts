import * as z from 'zod';
import { canonicalJson } from './canonical-json.ts';
import { classifier, isProtectedClass, UNRECOGNISED } from './classify.ts';
import { type Sha256, sha256 } from './digest.ts';
import { relativePathSchema } from './relative-path.ts';
import { secretRulesSchema } from './secret-rules.ts';

export const artifactClassSchema = z
  .string()
  .regex(/^[a-z][a-z0-9-]{0,39}$/, 'expected a lower-case word')
  .refine((name) => name !== UNRECOGNISED, `${UNRECOGNISED} is what no rule matches`);

/** `firmware`, `termcap`, `module`, … or one of the classes above. */
export type ArtifactClass = z.infer<typeof artifactClassSchema>;

/** Where the version of the installed product can be read. */
const productSchema = z.strictObject({
  /** A text file below the root; its first 64 KiB are read. */
  'version-file': relativePathSchema,
  /** What its line begins with, right before the version; literally, and with nothing before it but spaces. */
  prefix: z.string().max(200).default(''),
});

const rulesSchema = z
  .array(z.strictObject({ class: artifactClassSchema, match: z.array(z.string().min(1).max(1000)).min(1).max(1000) }))
  .min(1)
  .max(200);

/** What a site engineer reviews: which file is what. The first rule that matches counts, protection before all. */
export const profileSchema = z
  .strictObject({
    name: z.string().regex(/^[a-z0-9][a-z0-9-]{0,63}$/, 'expected lower-case letters, digits and dashes'),
    version: z.int().positive(),
    description: z.string().max(2000).optional(),
    product: productSchema.optional(),
    /** What of the content of text files nobody is shown. */
    secrets: secretRulesSchema.optional(),
    rules: rulesSchema,
  })
  .refine(
    ({ product, rules }) => product === undefined || !isProtectedClass(classifier({ rules })(product['version-file'])),
    {
      message: 'it is a license or identity file, and of those nothing is told',
      path: ['product', 'version-file'],
    },
  );

export type Profile = z.infer<typeof profileSchema>;

export function profileDigest(profile: Profile): Sha256 {
  return sha256(canonicalJson(profile));
}
