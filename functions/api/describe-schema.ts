/** As far as a generated description of this API has them. */
export interface SchemaShown {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly description?: string;
  readonly items?: SchemaShown;
  readonly properties?: Readonly<Record<string, SchemaShown>>;
  readonly additionalProperties?: SchemaShown | boolean;
  readonly required?: readonly string[];
  readonly oneOf?: readonly SchemaShown[];
  readonly anyOf?: readonly SchemaShown[];
  readonly allOf?: readonly SchemaShown[];
  readonly format?: string;
}

/** In lines that people read: `name?: type  what it is`. */
export function describeSchema(schema: SchemaShown, indent = ''): string {
  const { properties } = schema;
  if (properties === undefined) return typeOf(schema, indent);
  const inner = `${indent}  `;
  const lines = Object.entries(properties).map(([name, one]) => {
    const mark = schema.required?.includes(name) === true ? '' : '?';
    const said = one.description === undefined ? '' : `  // ${one.description}`;
    return `${inner}${name}${mark}: ${describeSchema(one, inner)}${said}\n`;
  });
  const base = schema.allOf?.map((one) => `${describeSchema(one, indent)} with `).join('') ?? '';
  return `${base}{\n${lines.join('')}${indent}}${orNull(schema)}`;
}

function typeOf(schema: SchemaShown, indent: string): string {
  const { additionalProperties, allOf, anyOf, items, oneOf, $ref } = schema;
  if ($ref !== undefined) return $ref.slice($ref.lastIndexOf('/') + 1);
  const some = oneOf ?? anyOf;
  if (some !== undefined) return [...new Set(some.map((one) => describeSchema(one, indent)))].join(' | ');
  if (allOf !== undefined) return allOf.map((one) => describeSchema(one, indent)).join(' & ');
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum !== undefined) return schema.enum.map((one) => JSON.stringify(one)).join(' | ');
  if (items !== undefined) return `[ ${describeSchema(items, indent)} … ]${orNull(schema)}`;
  if (typeof additionalProperties === 'object') return `{ any name: ${describeSchema(additionalProperties, indent)} }`;
  const { format, type = 'anything' } = schema;
  return [type, format === undefined ? undefined : `(${format})`].flat().filter(Boolean).join(' ');
}

function orNull({ type }: SchemaShown): string {
  return Array.isArray(type) && type.includes('null') ? ' | null' : '';
}
