// Messages that our code encrypted, decrypted by an implementation that is not
// ours (npm http_ece), for a key pair that node made.
//
//   node webpush-decrypt.mjs WEBPUSH_ENCRYPT [COUNT]
//
// Prints TAP. Exits with 77 (skipped) when tests/node_modules is not there.

import { spawnSync } from 'node:child_process';
import { createECDH, randomBytes, randomInt } from 'node:crypto';

let ece;
try {
	ece = (await import('http_ece')).default;
} catch (error) {
	if (error.code !== 'ERR_MODULE_NOT_FOUND')
		throw error;
	console.log('1..0 # SKIP tests/node_modules has no http_ece; run: npm ci --prefix tests');
	process.exit(77);
}

const [, , encrypt, countText = '1000'] = process.argv;
const count = Number(countText);
const HEADER = 86, DELIMITER = 1, TAG = 16, LARGEST = 3993;
const CLASSES = [128, 512, 1024, 2048, LARGEST];

const receiver = createECDH('prime256v1');
receiver.generateKeys();
const auth = randomBytes(16);

// Both ends and the edges of each class first, then sizes at random.
const sizes = [0, 1, ...CLASSES.flatMap((size) => [size - 1, size, size + 1])]
	.filter((size) => size <= LARGEST);
while (sizes.length < count)
	sizes.push(randomInt(LARGEST + 1));
sizes.splice(count);
const messages = sizes.map((size) => ({
	plaintext: randomBytes(size),
	padTo: randomInt(3) === 0 ? 0 : randomInt(1, LARGEST + 1),
}));

const child = spawnSync(encrypt, [
	receiver.getPublicKey('base64url', 'uncompressed'),
	auth.toString('base64url'),
], {
	input: messages.map((m) => `${m.padTo} ${m.plaintext.toString('base64url')}\n`).join(''),
	encoding: 'latin1',
	maxBuffer: 64 * 1024 * 1024,
});
const lines = child.stdout?.split('\n') ?? [];

const failures = [];
const salts = new Set(), keys = new Set();

function check(message, line, index) {
	const fail = (why) =>
		failures.push(`message ${index}, ${message.plaintext.length} octets, ` +
			`padded to ${message.padTo}: ${why}`);
	if (line === undefined || line === '' || line.startsWith('error'))
		return fail(line || 'nothing came');
	const body = Buffer.from(line, 'base64url');
	salts.add(body.toString('hex', 0, 16));
	keys.add(body.toString('hex', 21, 86));
	const padded = message.padTo === 0 ? message.plaintext.length
		: CLASSES.find((size) => size >= message.plaintext.length && size >= message.padTo);
	if (body.length !== HEADER + padded + DELIMITER + TAG)
		return fail(`${body.length} octets came, not ${HEADER + padded + DELIMITER + TAG}`);
	try {
		const clear = ece.decrypt(body, {
			version: 'aes128gcm',
			privateKey: receiver,
			authSecret: auth.toString('base64url'),
		});
		if (!clear.equals(message.plaintext))
			fail('it decrypts to something else');
	} catch (error) {
		fail(error.message);
	}
}

messages.forEach((message, index) => check(message, lines[index], index));

function report(number, name, ok, why) {
	console.log(`${ok ? 'ok' : 'not ok'} ${number} ${name}`);
	if (!ok)
		why.forEach((line) => console.log(`# ${line}`));
}

console.log('1..3');
report(1, 'the program ran to its end', child.status === 0 && lines.length === count + 1,
	[`status ${child.status}, ${lines.length - 1} lines, ${child.error ?? child.stderr}`]);
report(2, `${count} messages decrypt to what was sent`, failures.length === 0,
	[`${failures.length} do not`, ...failures.slice(0, 20)]);
report(3, 'no salt and no key was used twice', salts.size === count && keys.size === count,
	[`${salts.size} salts, ${keys.size} keys`]);
process.exitCode = child.status === 0 && failures.length === 0 && salts.size === count &&
	keys.size === count ? 0 : 1;
