// npm's EventSource on one stream: node eventsource.mjs URL. What it sees goes to standard output, one
// JSON object a line, until it is killed, or its standard input ends.
import {EventSource} from 'eventsource';

import {watch} from './watch.mjs';

process.stdin.resume();
process.stdin.on('end', () => process.exit(0));

const tell = (line) => console.log(JSON.stringify(line));
watch(EventSource, process.argv[2], tell, {
  fetch: (url, init) => {
    tell({kind: 'request', lastEventId: init.headers['Last-Event-ID'] ?? null});
    return fetch(url, init);
  },
});
