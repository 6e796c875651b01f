// Reads a whole event stream on standard input and prints what npm's eventsource-parser makes of it.
import {createParser} from 'eventsource-parser';

const seen = {events: [], comments: [], retries: [], errors: []};
const parser = createParser({
  onEvent: (event) => seen.events.push(event),
  onComment: (comment) => seen.comments.push(comment),
  onRetry: (retry) => seen.retries.push(retry),
  onError: (error) => seen.errors.push(error.message),
});
const decoder = new TextDecoder();
for await (const bytes of process.stdin) parser.feed(decoder.decode(bytes, {stream: true}));
console.log(JSON.stringify(seen));
