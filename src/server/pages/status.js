'use strict';

const $ = (id) => document.getElementById(id);
const series = new Series();
const MiB = 1 / 1024;  // memory comes in GiB

const tiles = {};
const tile = (name, title, chart) => {
  tiles[name] = new Tile($('tiles'), title, chart);
};
tile('subscribers', 'Subscribers', {keys: ['subscribers']});
tile('connections', 'Connections', {keys: ['connections']});
tile('events', 'Events per second', {keys: ['events_per_second']});
tile('deliveries', 'Deliveries per second', {keys: ['deliveries_per_second']});
tile('fanout', 'Fan-out latency', {
  keys: ['fanout_p99_ms', 'fanout_p50_ms'], names: ['p99', 'p50'],
  format: (value) => value === null ? '–' : `${number(value)} ms`,
});
tile('slow', 'Slow clients', {keys: ['behind']});
tile('redis', 'Redis link', {
  keys: ['redis_probe_ms'],
  format: (value) => value === null || value === undefined ? '–' : `${number(value)} ms`,
});
tile('cpu', 'CPU', {keys: ['cpu'], format: (value) => `${number(value)} %`, least: 10});
tile('memory', 'Memory', {
  keys: ['memory'], format: (value) => bytes(value * 1024 ** 3), least: 16 * MiB, unit: MiB,
});

// Writes a list of names and numbers; those in `alarming` are marked when they are not 0.
const list = (host, entries, alarming = []) => {
  host.replaceChildren(...entries.flatMap(([name, value]) => [
    element('dt', {}, name.replaceAll('_', ' ')),
    element('dd', {className: value === 0 ? 'zero' : alarming.includes(name) ? 'alarm' : ''},
        typeof value === 'number' ? number(value) : value),
  ]));
};

const sum = (values) => values.reduce((total, value) => total + value, 0);

const showTiles = (status) => {
  const now = status.now;
  const state = status.connections_by_state;
  const active = status.topics.filter((topic) => topic.subscribers > 0).length;
  tiles.subscribers.show(number(status.subscribers), '',
      `on ${number(active)} of ${number(status.topics.length)} topics in the configuration`);
  tiles.connections.show(number(status.connections), '',
      `${number(state.stream)} streams · ${number(state.http)} in HTTP · ${number(status.refused)} refused`);
  tiles.events.show(number(now.events_per_second), '/s', `${number(status.events)} since the start`);
  tiles.deliveries.show(number(now.deliveries_per_second), '/s',
      `${bytes(now.bytes_per_second)}/s · ${number(status.deliveries)} since the start`);
  tiles.fanout.show(number(now.fanout_p99_ms), now.fanout_p99_ms === null ? 'nothing delivered' : 'ms p99',
      now.fanout_p50_ms === null ? '' : `p50 ${number(now.fanout_p50_ms)} ms, broker to last socket`);
  const slowGaps = sum(status.topics.map((topic) => topic.gaps.slow));
  tiles.slow.show(number(status.behind), 'behind now',
      `${number(status.disconnects.slow_client)} disconnected, ${number(slowGaps)} skipped since the start`);
  const broker = status.broker;
  tiles.redis.box.hidden = broker.kind !== 'redis';
  if (broker.kind === 'redis') {
    tiles.redis.show(broker.up ? 'up' : 'down', broker.up ? `probe ${number(now.redis_probe_ms)} ms` : '',
        `${broker.endpoint} · ${number(broker.reconnects)} reconnects, ${number(broker.failures)} failures`);
    tiles.redis.number.classList.toggle('alarm', !broker.up);
  }
  tiles.cpu.show(number(now.cpu), '%', `of ${number(status.process.cores)} cores · ${duration(status.process.cpu_seconds)} in all`);
  tiles.memory.show(bytes(status.process.resident_bytes), 'resident');
};

const cell = (label, value, alarm) => {
  const td = element('td', {className: 'n' + (value === 0 ? ' zero' : '')},
      element('span', {className: alarm ? 'alarm' : ''}, typeof value === 'number' ? number(value) : value));
  td.dataset.label = label;
  return td;
};

const showTopics = (topics) => {
  $('served').hidden = topics.length === 0;
  $('topics').tBodies[0].replaceChildren(...topics.map((topic) => {
    const gaps = sum(Object.values(topic.gaps));
    return element('tr', {}, element('th', {scope: 'row'}, topic.name),
        element('td', {className: 'path'}, element('code', {}, topic.path)),
        cell('subscribers', topic.subscribers), cell('events/s', topic.events_per_second),
        cell('events', topic.events), cell('dropped', topic.dropped, topic.dropped > 0),
        cell('gaps told', gaps));
  }));
};

// Why a server gets no requests, in two words at most.
const stateOf = ({addresses}) => {
  const up = addresses.filter((address) => address.up).length;
  if (addresses.length === 0) return 'not resolved';
  if (up === addresses.length) return 'up';
  if (up > 0) return `${number(up)} of ${number(addresses.length)} up`;
  return addresses.some((address) => !address.healthy) ? 'check fails' : 'rests';
};

// What is said of an upstream beside the first of its servers.
const summaryOf = ({name, waiting, head_p50_ms: p50, head_p99_ms: p99}) => [
  name,
  ...(waiting > 0 ? [`${number(waiting)} waiting`] : []),
  ...(p50 !== null ? [`answers in ${number(p50)} ms, p99 ${number(p99)} ms`] : []),
].join(' · ');

const showUpstreams = (upstreams) => {
  $('proxied').hidden = upstreams.length === 0;
  $('upstreams').tBodies[0].replaceChildren(...upstreams.flatMap((upstream) => upstream.servers.map((server, i) => {
    const title = element('th', {scope: 'row'}, server.server);
    if (server.backup) title.append(element('span', {className: 'quiet'}, ' backup'));
    const state = stateOf(server);
    return element('tr', {}, title,
        element('td', {className: 'path'}, i === 0 ? summaryOf(upstream) : upstream.name),
        cell('state', state, state !== 'up'), cell('requests', server.requests),
        cell('active', server.active), cell('idle', server.idle), cell('retries', server.retries),
        cell('failures', server.failures, server.failures > 0));
  })));
};

const show = (status) => {
  series.add(status.now);
  $('version').textContent = `${status.version} · up ${duration(status.uptime_seconds)}`;
  $('ready').textContent = status.draining ? 'draining' : status.ready ? 'ready' : 'not ready';
  $('ready').className = 'badge ' + (status.ready ? 'good' : status.draining ? 'warn' : 'bad');
  const failing = Object.entries(status.checks).filter(([, verdict]) => verdict !== 'ok');
  $('notice').hidden = failing.length === 0;
  const notice = failing.map(([check, verdict]) => `${check}: ${verdict}`).join(' · ');
  if ($('notice').textContent !== notice) $('notice').textContent = notice;
  showTiles(status);
  showTopics(status.topics);
  showUpstreams(status.upstreams);
  list($('disconnects'), Object.entries(status.disconnects), ['slow_client', 'client_timeout']);
  const reasons = Object.keys(status.topics[0]?.gaps ?? {});
  list($('gaps'), reasons.map((reason) => [reason, sum(status.topics.map((topic) => topic.gaps[reason]))]));
  list($('checks'), Object.entries(status.checks));
  const {open_fds: open, max_fds: most} = status.process;
  list($('process'), [
    ['file descriptors', `${number(open)} of ${number(most)}`],
    ['workers', status.workers], ['broker', status.broker.kind], ['accepted', status.accepted],
    ['published over HTTP', status.published], ['publish failures', status.publish_failures],
    ['replayed', status.replayed], ['refused tokens', sum(Object.values(status.auth_failures))], ['log lines lost', status.log_lines_lost.error],
    ['access log lines lost', status.log_lines_lost.access],
  ], ['publish failures', 'log lines lost', 'access log lines lost', ...(open > 0.9 * most ? ['file descriptors'] : [])]);
  draw();
};

const draw = () => {
  for (const {chart} of Object.values(tiles)) if (chart) chart.draw(series.points);
};

// What is and what was, then what comes.
const read = (path, use) => fetch(path).then((answer) => answer.json()).then(use).catch(() => {});
read('/status.json', show);
read('/status/history', (history) => {
  const later = series.points;
  series.points = [];
  for (const message of [...history, ...later]) series.add(message);
  draw();
});
new LiveStream('/status/events', {
  badge: $('state'),
  silenceMs: 5000,
  onEvent: (event) => {
    if (event.type === 'message') show(JSON.parse(event.data));
  },
  // Old numbers must not look like new ones.
  onState: (state) => document.body.classList.toggle('stale', state === 'reconnecting' || state === 'paused'),
});
