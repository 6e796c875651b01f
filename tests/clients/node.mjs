// A client in Node.js: node node.mjs ADAPTER URL OPTIONS. What it sees goes to standard output, one
// JSON object a line, until its standard input ends.
import {tellClosed} from './adapters/eventsource-api.mjs';

process.stdin.resume();
process.stdin.on('end', () => process.exit(0));

const [adapter, url, options] = process.argv.slice(2);
const {watch} = await import(`./adapters/${adapter}.mjs`);
const tell = (line) => console.log(JSON.stringify(line));
tellClosed(watch(url, tell, JSON.parse(options)), tell);
