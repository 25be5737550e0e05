import * as z from 'zod';

const priceSchema = z.strictObject({
  /** US dollars for `per` of what `unit` names. */
  dollars: z.number().nonnegative(),
  per: z.number().positive(),
  unit: z.string().min(1),
  /** Where it stands, and what of it is meant. */
  source: z.string().min(1),
});

const PRICED = [
  's3Put',
  's3Get',
  's3Storage',
  'dataOut',
  'stepFunctions',
  'lambdaRequests',
  'lambdaSeconds',
  'kmsSign',
  'kmsData',
  'kmsKeys',
  'mails',
  'events',
  'queue',
  'logs',
  'logStorage',
  'metrics',
  'alarms',
  'dashboards',
  'traces',
  'rolesAnywhere',
  'apiRequests',
  'secrets',
  'codeDeploy',
  'systemsManager',
] as const;

export type Priced = (typeof PRICED)[number];

/** `cost/prices.json`. */
export const priceListSchema = z.strictObject({
  /** When the prices were looked up. */
  date: z.iso.date(),
  note: z.string(),
  regions: z.record(z.string(), z.record(z.enum(PRICED), priceSchema)),
});

export type Price = z.infer<typeof priceSchema>;
export type Prices = Readonly<Record<Priced, Price>>;
