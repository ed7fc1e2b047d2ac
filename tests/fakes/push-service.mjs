#!/usr/bin/env node
// A push service on loopback, for tests and the demo: takes what RFC 8030 senders
// send, answers as the path asks, writes down each request.
//
//   push-service.mjs --key K.pem --cert C.pem [--port 0] [--host 127.0.0.1]
//                    [--http1-only | --plain] [--log FILE] [--decrypt KEYS.json] [--pretty]
//
// The first line of output is "listening PORT". HTTP/2 and HTTP/1.1 by ALPN;
// --http1-only leaves HTTP/2 out; --plain is http:// without TLS.
//
// Each request becomes one JSON line in FILE ("-" or nothing: standard output, unless
// --pretty is there): n, at_us (microseconds since the epoch when its headers came),
// connection, http, method, path, headers, body (base64), status; with --decrypt
// also plaintext, or decrypt_error. KEYS.json is a list of
//   {"path": "/ok/phone", "private": "<base64url>", "auth": "<base64url>"}
// where path "*" fits every request. Lines appear when the body is complete.
//
// Paths, the first part decides (the rest is free, to tell requests apart):
//   /ok /status/N /404 /410 ... (any number)   that status, 201 for /ok
//   /429?retry-after=N   with Retry-After      /slow?ms=N      201 after N ms
//   /reset   the connection is cut             /stall          no answer, ever
//   /garbage bytes that are no HTTP (1.1)      /big            a body of 10 MB
//   /headers?bytes=N     a header of N bytes   /redirect       307 to /ok/redirected
//   /goaway  answers, takes no more requests on this connection (2)
//   /refuse  REFUSED_STREAM the first time, then 201 (2)
//   /rst     RST_STREAM without an answer (2) /cookie         201 with Set-Cookie
// GET /__requests: {"count", "connections" that carried requests, "sockets" accepted
// since the start, "open" now, "big_bytes" handed out} as JSON.

import fs from 'node:fs';
import http from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';
import crypto from 'node:crypto';
import { parseArgs } from 'node:util';

const { values: options } = parseArgs({
  options: {
    key: { type: 'string' },
    cert: { type: 'string' },
    port: { type: 'string', default: '0' },
    host: { type: 'string', default: '127.0.0.1' },
    log: { type: 'string' },
    decrypt: { type: 'string' },
    pretty: { type: 'boolean', default: false },
    'http1-only': { type: 'boolean', default: false },
    plain: { type: 'boolean', default: false },
  },
});

const BIG = 10 * 1024 * 1024;
const stats = { count: 0, connections: 0, sockets: 0, open: 0, big_bytes: 0 };
const refusedOnce = new Set();
const connectionIds = new WeakMap();
const lastStreams = new WeakMap(); // of connections that said GOAWAY

const logFd = options.log && options.log !== '-' ? fs.openSync(options.log, 'a')
  : options.pretty && !options.log ? null : 1;

const keys = [];
let decryptBody = null;
if (options.decrypt) {
  const ece = (await import('http_ece')).default;
  for (const key of JSON.parse(fs.readFileSync(options.decrypt, 'utf8'))) {
    const ecdh = crypto.createECDH('prime256v1');
    ecdh.setPrivateKey(key.private, 'base64url');
    keys.push({ path: key.path, ecdh, auth: key.auth });
  }
  decryptBody = (path, body) => {
    const key = keys.find((k) => k.path === path) ?? keys.find((k) => k.path === '*');
    if (!key) throw new Error('no key for this path');
    return ece.decrypt(body, {
      version: 'aes128gcm', privateKey: key.ecdh, authSecret: key.auth,
    }).toString('utf8');
  };
}

const nowUs = () => Math.round((performance.timeOrigin + performance.now()) * 1000);

// --- what is written down ----------------------------------------------------

function pretty(record) {
  const at = new Date(record.at_us / 1000);
  const two = (n) => String(n).padStart(2, '0');
  const clock = `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`
    + `.${String(record.at_us % 1000000).padStart(6, '0')}`;
  const said = ['ttl', 'urgency', 'topic', 'content-encoding', 'content-type']
    .filter((name) => record.headers[name] !== undefined)
    .map((name) => `${name}=${record.headers[name]}`);
  const size = Buffer.byteLength(record.body, 'base64');
  let text = `${clock}  ${record.method} ${record.path}  HTTP/${record.http}`
    + `  connection ${record.connection}  ${size} bytes  -> ${record.status ?? 'no answer'}\n`;
  if (said.length > 0) text += `    ${said.join('  ')}\n`;
  if (record.plaintext !== undefined) {
    text += '    decrypted: ';
    try {
      const json = JSON.parse(record.plaintext);
      text += `${JSON.stringify(json, null, 2).replaceAll('\n', '\n    ')}\n`;
    } catch {
      text += `${JSON.stringify(record.plaintext)}\n`;
    }
  }
  if (record.decrypt_error !== undefined) text += `    NOT DECRYPTED: ${record.decrypt_error}\n`;
  return text;
}

function writeRecord(record) {
  if (logFd !== null) fs.writeSync(logFd, `${JSON.stringify(record)}\n`);
  if (options.pretty) process.stdout.write(pretty(record));
}

// --- what is answered ----------------------------------------------------------

function cut(response) {
  if (response.stream) response.stream.session.destroy();
  else response.socket.destroy();
}

function big(response) {
  const chunk = Buffer.alloc(65536, 0x2e);
  let left = BIG;
  response.writeHead(200, { 'content-type': 'text/plain', 'content-length': String(BIG) });
  const more = () => {
    while (left > 0 && !response.destroyed && !response.writableEnded) {
      left -= chunk.length;
      stats.big_bytes += chunk.length;
      if (!response.write(chunk)) {
        response.once('drain', more);
        return;
      }
    }
    response.end();
  };
  response.on('error', () => {});
  more();
}

// Returns the status for the log; undefined = no answer.
function answer(url, response, request) {
  const [, first, second] = url.pathname.split('/');
  const respond = (status, headers = {}) => {
    response.writeHead(status, headers);
    response.end();
    return status;
  };
  const location = { location: `${options.plain ? 'http' : 'https'}://localhost/message/${stats.count}` };
  const stream = response.stream;

  switch (first) {
    case 'ok':
      return respond(201, location);
    case 'status':
      return respond(Number(second));
    case 'slow':
      setTimeout(() => respond(201, location), Number(url.searchParams.get('ms') ?? 1000));
      return 201;
    case 'reset':
      cut(response);
      return undefined;
    case 'stall':
      return undefined;
    case 'garbage':
      if (stream) stream.close(http2.constants.NGHTTP2_PROTOCOL_ERROR);
      else response.socket.end('\x00\x01\x02 this is not HTTP\r\n\r\n\xff'.repeat(10));
      return undefined;
    case 'big':
      big(response);
      return 200;
    case 'headers':
      return respond(201, { 'x-big': 'h'.repeat(Number(url.searchParams.get('bytes') ?? 20000)) });
    case 'redirect':
      return respond(307, { location: '/ok/redirected' });
    case 'cookie':
      return respond(201, { 'set-cookie': 'a=b; Path=/' });
    case 'goaway':
      if (stream) {
        lastStreams.set(stream.session, stream.id);
        stream.session.goaway(http2.constants.NGHTTP2_NO_ERROR, stream.id);
      }
      return respond(201, location);
    case 'refuse':
      if (!stream || refusedOnce.has(url.pathname)) return respond(201, location);
      refusedOnce.add(url.pathname);
      stream.close(http2.constants.NGHTTP2_REFUSED_STREAM);
      return undefined;
    case 'rst':
      if (stream) stream.close(http2.constants.NGHTTP2_INTERNAL_ERROR);
      else cut(response);
      return undefined;
    default: {
      const headers = {};
      if (url.searchParams.has('retry-after')) {
        headers['retry-after'] = url.searchParams.get('retry-after');
      }
      return respond(/^[2-5][0-9][0-9]$/.test(first) ? Number(first) : 404, headers);
    }
  }
}

function connectionOf(request) {
  const holder = request.stream?.session ?? request.socket;
  if (!connectionIds.has(holder)) {
    connectionIds.set(holder, ++stats.connections);
  }
  return connectionIds.get(holder);
}

function handle(request, response) {
  const at = nowUs();
  const url = new URL(request.url, 'https://localhost');
  const chunks = [];

  if (request.method === 'GET' && url.pathname === '/__requests') {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(stats));
    return;
  }
  const record = {
    at_us: at,
    connection: connectionOf(request),
    http: request.httpVersion,
    method: request.method,
    path: request.url,
    headers: Object.fromEntries(Object.entries(request.headers)),
  };
  request.on('data', (chunk) => chunks.push(chunk));
  request.on('error', () => {});
  response.on('error', () => {});
  request.on('end', () => {
    // Promised not to be looked at; node hands out what came in the same read.
    if (request.stream?.id > lastStreams.get(request.stream?.session)) {
      return;
    }
    record.n = ++stats.count;
    const body = Buffer.concat(chunks);
    record.body = body.toString('base64');
    if (decryptBody) {
      try {
        record.plaintext = decryptBody(url.pathname, body);
      } catch (error) {
        record.decrypt_error = error.message;
      }
    }
    record.status = answer(url, response, request);
    writeRecord(record);
  });
}

// --- listening -----------------------------------------------------------------

function create() {
  if (options.plain) return http.createServer({ keepAliveTimeout: 60000 }, handle);
  const tls = { key: fs.readFileSync(options.key), cert: fs.readFileSync(options.cert) };
  if (options['http1-only']) return https.createServer({ ...tls, keepAliveTimeout: 60000 }, handle);
  return http2.createSecureServer({ ...tls, allowHTTP1: true }, handle);
}

const server = create();
server.on(options.plain ? 'connection' : 'secureConnection', (socket) => {
  stats.sockets++;
  stats.open++;
  socket.on('close', () => stats.open--);
  socket.on('error', () => {});
});
server.on('sessionError', () => {});
server.on('tlsClientError', () => {});
server.on('clientError', (error, socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, () => process.exit(0));
server.listen(Number(options.port), options.host, () => {
  process.stdout.write(`listening ${server.address().port}\n`);
});
