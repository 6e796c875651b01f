// An app on node:http alone: pages, uploads that are streamed into a hash, downloads of any size.
import {createHash} from 'node:crypto';
import {createServer} from 'node:http';
import {pipeline} from 'node:stream/promises';

// The same bytes on both sides of a test: SHA-256 of 0, 1, 2, ..., one after the other.
function* blocks(size) {
  for (let n = 0; size > 0; n++) {
    const block = createHash('sha256').update(String(n)).digest();
    yield size < block.length ? block.subarray(0, size) : block;
    size -= block.length;
  }
}

function* pieces(size) {
  let piece = [];
  for (const block of blocks(size)) {
    if (piece.push(block) < 2048) continue;
    yield Buffer.concat(piece);
    piece = [];
  }
  yield Buffer.concat(piece);
}

async function answer(request, response) {
  const url = new URL(request.url, 'http://app');
  if (url.pathname === '/') {
    response.setHeader('Content-Type', 'text/html');
    response.end(`<!doctype html><title>plain</title><p>Hello ${request.headers.host}</p>`);
  } else if (url.pathname.startsWith('/uploads')) {
    const hash = createHash('sha256');
    let size = 0;
    for await (const piece of request) {
      hash.update(piece);
      size += piece.length;
    }
    response.setHeader('Content-Type', 'application/json');
    response.end(JSON.stringify({size, hash: hash.digest('hex'), method: request.method}));
  } else if (url.pathname.startsWith('/downloads')) {
    const size = Number(url.searchParams.get('size'));
    if (!url.searchParams.has('chunked')) response.setHeader('Content-Length', size);
    await pipeline(pieces(size), response);
  } else {
    response.writeHead(404).end('There is nothing here.');
  }
}

const server = createServer((request, response) => {
  answer(request, response).catch(() => response.destroy());  // the client has left
}).listen(0, '127.0.0.1', () => console.log(server.address().port));
