import { describe, expect, test } from 'vitest';
import { compatibilityOf, fleetSchema, fleetServers } from '#core/fleet.ts';
import { serverIdSchema } from '#core/server.ts';
import { server } from './samples.ts';

describe('a fleet file', () => {
  test('needs no more than its sites; approval, waves and timeouts have defaults', () => {
    const fleet = fleetSchema.parse({ fleet: 'plant', sites: { north: { servers: ['line-1', 'line-2'] } } });
    expect(fleetServers(fleet)).toEqual(['north/line-1', 'north/line-2']);
    expect(fleet).toMatchObject({
      approval: { required: 1, 'requester-may-approve': false },
      waves: { 'error-budget': 0 },
    });
  });

  test('gives the defaults also to a section that is there in part', () => {
    const fleet = fleetSchema.parse({ fleet: 'plant', sites: {}, waves: { size: 3 }, timeouts: {} });
    expect(fleet.waves).toEqual({ size: 3, 'error-budget': 0 });
    expect(fleet.timeouts).toEqual(fleetSchema.parse({ fleet: 'plant', sites: {} }).timeouts);
  });

  test('may name the console and the mail server', () => {
    const mail = { smtp: 'smtps://lockstep@mail.example.org', from: 'lockstep@example.org' };
    for (const url of ['https://lockstep.example.org', 'http://127.0.0.1:4780', 'http://localhost:4780/'])
      expect(fleetSchema.parse({ fleet: 'plant', sites: {}, 'console-url': url, mail })).toMatchObject({ mail });
  });

  test.each<[string, Record<string, unknown>, RegExp]>([
    [
      'a server with capitals',
      { sites: { north: { servers: ['Line-1'] } } },
      /expected site\/name.*"north","servers",0/,
    ],
    ['a server that climbs', { sites: { north: { servers: ['a..b'] } } }, /without \.\./],
    ['a server twice', { sites: { north: { servers: ['a', 'b', 'a'] } } }, /a is named twice.*"north","servers",2/],
    ['a site that is not a word', { sites: { 'North Plant': { servers: ['a'] } } }, /North Plant/],
    ['a site without servers', { sites: { north: { servers: [] } } }, /servers/],
    [
      'a console that anybody could listen to',
      { sites: {}, 'console-url': 'http://lockstep.example.org' },
      /console-url/,
    ],
    ['a console below a path', { sites: {}, 'console-url': 'https://example.org/lockstep' }, /and no path/],
    ['a password', { sites: {}, mail: { smtp: 'smtps://me:pw@example.org', from: 'a@example.org' } }, /no password/],
    ['a key that it does not know', { sites: {}, aproval: {} }, /aproval/],
  ])('is refused with %s', (_, change, problem) => {
    const parsed = fleetSchema.safeParse({ fleet: 'plant', ...change });
    expect(JSON.stringify(parsed.error?.issues)).toMatch(problem);
  });
});

describe('what a fleet file says of compatibility', () => {
  const fleet = fleetSchema.parse({
    fleet: 'plant',
    sites: {
      north: {
        servers: ['line-1', { name: 'line-2', compatibility: { version: '13.2' } }],
        compatibility: { group: 'north', version: '13.1' },
      },
      south: { servers: ['line-1'] },
    },
  });

  test('is that of the site, as far as the server does not say otherwise', () => {
    const said = (id: string) => compatibilityOf(fleet, server(id));
    expect(said('north/line-1')).toEqual({ group: 'north', version: '13.1' });
    expect(said('north/line-2')).toEqual({ group: 'north', version: '13.2' });
    expect(said('south/line-1')).toEqual({});
    expect(said('north/line-3')).toEqual({});
    expect(compatibilityOf(undefined, server('north/line-1'))).toEqual({});
  });

  test('does not hide a server, nor the second of a name', () => {
    expect(fleetServers(fleet)).toEqual(['north/line-1', 'north/line-2', 'south/line-1']);
    const twice = { sites: { north: { servers: ['a', { name: 'a' }] } } };
    expect(JSON.stringify(fleetSchema.safeParse({ fleet: 'plant', ...twice }).error?.issues)).toMatch(
      /a is named twice/,
    );
  });

  test('has to be text: 13.10 without quotes would be 13.1', () => {
    const sites = { north: { servers: ['a'], compatibility: { version: 13.1 } } };
    expect(fleetSchema.safeParse({ fleet: 'plant', sites }).error?.issues[0]?.message).toMatch(/in quotes/);
  });
});

test.each(['north/line-1', 'n/l', '0/0', 'a_b/c_d.e'])('%j names a server', (id) => {
  expect(serverIdSchema.safeParse(id).success).toBe(true);
});

test.each([
  '',
  'north',
  'north/',
  '/line',
  'a/b/c',
  'North/line',
  'a b/c',
  '../x',
  'a/..',
  'a/b..c',
  'a/b.',
  '-a/b',
  'a/b\n',
])('%j names no server', (id) => {
  expect(serverIdSchema.safeParse(id).success).toBe(false);
});
