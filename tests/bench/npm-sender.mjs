// The npm web-push package sending COUNT pushes to ENDPOINT, PARALLEL at a time, as
// its documentation shows it. Prints pushes a second.
//
// usage: npm-sender.mjs ENDPOINT COUNT PARALLEL     NODE_EXTRA_CA_CERTS names the CA
import crypto from 'node:crypto';
import webpush from 'web-push';

const [endpoint, countText, parallelText] = process.argv.slice(2);
const count = Number(countText);
const keys = webpush.generateVAPIDKeys();
webpush.setVapidDetails('mailto:bench@example.org', keys.publicKey, keys.privateKey);
const subscriber = crypto.createECDH('prime256v1');
subscriber.generateKeys();
const subscription = {
  endpoint,
  keys: {
    p256dh: subscriber.getPublicKey('base64url'),
    auth: crypto.randomBytes(16).toString('base64url'),
  },
};
let sent = 0;
const started = performance.now();
async function work() {
  while (sent++ < count) {
    await webpush.sendNotification(subscription, 'INBOX 1 EXISTS', { TTL: 60 });
  }
}
await Promise.all(Array.from({ length: Number(parallelText) }, work));
console.log((count / ((performance.now() - started) / 1000)).toFixed(1));
