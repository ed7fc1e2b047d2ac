// A push service that only counts: HTTP/2 and HTTP/1.1, 201 for every POST. Notes
// when the headers of each request arrived. Light, since it shares the machine with
// what it measures.
//
// usage: receiver.mjs KEY CERT     prints "listening PORT"
// GET /count  -> how many so far
// GET /times  -> JSON {path: [microseconds since the epoch, ...]}; forgets them
import fs from 'node:fs';
import http2 from 'node:http2';

const [key, cert] = process.argv.slice(2);
const now = () => Math.round((performance.timeOrigin + performance.now()) * 1000);
let count = 0;
let times = new Map();

function note(path) {
  count++;
  const at = now();
  const list = times.get(path);
  if (list) list.push(at);
  else times.set(path, [at]);
}

function report(path) {
  if (path === '/count') return String(count);
  const text = JSON.stringify(Object.fromEntries(times));
  times = new Map();
  return text;
}

const server = http2.createSecureServer({
  key: fs.readFileSync(key),
  cert: fs.readFileSync(cert),
  allowHTTP1: true,
  settings: { maxConcurrentStreams: 200 },
});
server.on('stream', (stream, headers) => {
  note(headers[':path']);
  stream.on('error', () => {});
  stream.on('data', () => {});
  stream.on('end', () => {
    stream.respond({ ':status': 201 });
    stream.end();
  });
});
server.on('request', (request, response) => {
  if (request.httpVersion === '2.0') return; // seen as a stream above
  if (request.method === 'GET') {
    response.end(report(request.url));
    return;
  }
  note(request.url);
  request.resume();
  request.on('end', () => {
    response.writeHead(201);
    response.end();
  });
});
server.listen(0, '127.0.0.1', () => console.log(`listening ${server.address().port}`));
