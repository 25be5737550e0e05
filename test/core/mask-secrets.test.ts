import { expect, it } from 'vitest';
import { MASK, maskSecrets } from '#core/mask-secrets.ts';

it.each([
  ['password = hunter2', `password = ${MASK}`],
  ['dbPassword="a b c";Timeout=3', `dbPassword="${MASK}`],
  ['  api_key: 77', `  api_key: ${MASK}`],
  ['"clientSecret": "x y",', `"clientSecret": "${MASK}`],
  ['snmp-server community public RO', `snmp-server community ${MASK}`],
  ['<Token>abc</Token>', `<Token>${MASK}`],
  ['Authorization: Bearer abc', `Authorization: ${MASK}`],
  ['url = https://user:pw@host/x', `url = https://user:${MASK}@host/x`],
])('masks the secret in %s', (line, masked) => {
  expect(maskSecrets([line])).toEqual([masked]);
});

it.each(['keyboard = us', 'monkey = 3', 'name = primary', 'url = https://host/x', ''])('leaves %j as it is', (line) => {
  expect(maskSecrets([line])).toEqual([line]);
});

it('masks what is indented below a name, and no more', () => {
  const lines = ['password: |', '  first', '', '    second', 'name: x'];
  expect(maskSecrets(lines)).toEqual(['password: |', `  ${MASK}`, '', `    ${MASK}`, 'name: x']);
});

it('masks a private key, and no line behind it', () => {
  const lines = ['-----BEGIN RSA PRIVATE KEY-----', 'MIIE', '+x/y==', '-----END RSA PRIVATE KEY-----', 'name: x'];
  const [begin, , , end, name] = lines;
  expect(maskSecrets(lines)).toEqual([begin, MASK, MASK, end, name]);
});

it('masks a private key on one line', () => {
  const masked = maskSecrets(['pem: -----BEGIN PRIVATE KEY-----MIIE-----END PRIVATE KEY-----', 'name: x']).join();
  expect(masked).not.toContain('MIIE');
  expect(masked).toContain('name: x');
});

it('masks where a line with a secret goes on', () => {
  expect(maskSecrets(['token = a\\', 'b\\', 'c', 'name = x'])).toEqual([`token = ${MASK}`, MASK, MASK, 'name = x']);
});
