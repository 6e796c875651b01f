'use strict';
// What both pages share: a stream whose state is told truthfully, graphs, and numbers for people.

const element = (name, properties = {}, ...children) => {
  const node = Object.assign(document.createElement(name), properties);
  node.append(...children);
  return node;
};

const STATES = {
  connecting: 'warn', open: 'good', reconnecting: 'bad', paused: '',
};

// An EventSource, and what it lacks: it comes back after an answer that makes a browser give up, after
// `silenceMs` without a word from a stream that speaks regularly (a stopped host sends no FIN), and it
// rests while nobody looks, since a browser has only six connections for each server. A new EventSource
// goes on where the last one was: Sluice takes the id from the query too.
class LiveStream {
  constructor(path, {badge, onEvent, onState = () => {}, silenceMs = 0}) {
    Object.assign(this, {path, badge, onEvent, onState, silenceMs, lastId: '', wasOpen: false});
    this.open();
    document.addEventListener('visibilitychange', () => {
      clearTimeout(this.resting);
      if (document.hidden) {
        this.resting = setTimeout(() => this.rest(), LiveStream.REST_MS);
      } else if (this.state === 'paused') {
        this.open();
      }
    });
  }

  open() {
    this.close();
    const query = this.lastId ? '?lastEventId=' + encodeURIComponent(this.lastId) : '';
    const source = new EventSource(this.path + query);
    this.source = source;
    this.show(this.wasOpen ? 'reconnecting' : 'connecting');
    source.onopen = () => {
      this.wasOpen = true;
      this.show('open');
      this.expect();
    };
    source.onerror = () => {
      this.show('reconnecting');
      if (source.readyState === EventSource.CLOSED) {
        this.again = setTimeout(() => this.open(), LiveStream.RETRY_MS);
      }
    };
    const take = (event) => {
      this.expect();
      if (event.lastEventId) this.lastId = event.lastEventId;
      this.onEvent(event);
    };
    source.onmessage = take;
    source.addEventListener('sluice.gap', take);
    this.expect();
  }

  close() {
    clearTimeout(this.again);
    clearTimeout(this.silence);
    if (this.source) this.source.close();
  }

  rest() {
    this.close();
    this.show('paused');
  }

  expect() {
    clearTimeout(this.silence);
    if (this.silenceMs) this.silence = setTimeout(() => this.restart(), this.silenceMs);
  }

  restart() {
    if (this.state !== 'paused') this.open();
  }

  show(state) {
    if (state === this.state) return;
    this.state = state;
    this.badge.textContent = state;
    this.badge.className = 'badge ' + STATES[state];
    this.onState(state);
  }
}
LiveStream.RETRY_MS = 3000;
LiveStream.REST_MS = 10000;

// --- numbers ---

const plain = new Intl.NumberFormat('en', {maximumSignificantDigits: 3});
const whole = new Intl.NumberFormat('en', {maximumFractionDigits: 0});
const compact = new Intl.NumberFormat('en', {notation: 'compact', maximumSignificantDigits: 3});

const number = (value) => {
  if (value === null || value === undefined) return '–';
  if (Math.abs(value) >= 100000) return compact.format(value);
  return Math.abs(value) >= 100 ? whole.format(value) : plain.format(value);
};
const bytes = (value) => {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    ++unit;
  }
  return `${number(value)} ${units[unit]}`;
};
const duration = (seconds) => {
  if (seconds < 60) return `${number(seconds)} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${Math.floor(seconds % 60)} s`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h ${Math.floor(seconds % 3600 / 60)} min`;
  return `${Math.floor(seconds / 86400)} d ${Math.floor(seconds % 86400 / 3600)} h`;
};
const clock = (ms) => new Date(ms).toLocaleTimeString([], {hour12: false});

// --- graphs ---

const WINDOW_MS = 300000;
const LEAST_WINDOW_MS = 60000;
const WIDTH = 300;
const HEIGHT = 72;

// The next round number.
const roundUp = (value) => {
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 1.5, 2, 3, 4, 5, 6, 8, 10].map((step) => step * power).find((step) => step >= value * 0.999);
};

// The messages of the gateway's numbers, oldest first, as far as the graphs reach.
class Series {
  constructor() {
    this.points = [];
  }

  add(message) {
    const last = this.points[this.points.length - 1];
    if (last && message.timestamp <= last.timestamp) return;
    this.points.push(message);
    while (this.points[0].timestamp < message.timestamp - WINDOW_MS) this.points.shift();
  }

  get now() {
    return this.points[this.points.length - 1];
  }
}

// One graph: up to two members of the messages over the last one to five minutes. Under the pointer it
// tells what was when.
class Chart {
  // `least` is the least that the graph's height stands for; its top is a round number of `unit`s.
  constructor(host, {title, keys, names = [], format = number, least = 1, unit = 1}) {
    Object.assign(this, {title, keys, names, format, least, unit, points: [], at: null});
    this.figure = document.getElementById('chart').content.cloneNode(true).querySelector('figure');
    this.svg = this.figure.querySelector('svg');
    this.top = this.figure.querySelector('.top');
    this.caption = this.figure.querySelector('figcaption');
    this.lines = [...this.svg.querySelectorAll('.line')];
    this.area = this.svg.querySelector('.area');
    this.cursor = this.svg.querySelector('.cursor');
    this.svg.addEventListener('pointermove', (event) => {
      const box = this.svg.getBoundingClientRect();
      this.point((event.clientX - box.left) / box.width);
    });
    this.svg.addEventListener('pointerleave', () => this.point(null));
    host.append(this.figure);
  }

  point(share) {
    this.at = share;
    this.draw(this.points);
  }

  draw(points) {
    this.points = points;
    if (points.length === 0) return;
    const end = points[points.length - 1].timestamp;
    const span = Math.max(end - points[0].timestamp, LEAST_WINDOW_MS);
    const x = (point) => WIDTH * (1 - (end - point.timestamp) / span);
    let most = 0;
    for (const point of points) for (const key of this.keys) most = Math.max(most, point[key] ?? 0);
    const top = roundUp(Math.max(most, this.least) / this.unit) * this.unit;
    const y = (value) => HEIGHT - HEIGHT * value / top;
    this.keys.forEach((key, index) => {
      const runs = this.runs(points, key);
      const path = runs.map((run) => 'M' + run.map((p) => `${x(p).toFixed(1)},${y(p[key]).toFixed(1)}`).join('L') +
          (run.length === 1 ? 'h1' : '')).join('');
      this.lines[index].setAttribute('d', path);
      if (index === 0) {
        this.area.setAttribute('d', runs.map((run) => `M${x(run[0]).toFixed(1)},${HEIGHT}` +
            run.map((p) => `L${x(p).toFixed(1)},${y(p[key]).toFixed(1)}`).join('') +
            `L${x(run[run.length - 1]).toFixed(1)},${HEIGHT}Z`).join(''));
      }
    });
    this.top.textContent = this.format(top);
    this.tell(points, x, span);
    const now = points[points.length - 1];
    this.svg.setAttribute('aria-label', `${this.title}, last ${Math.round(span / 60000)} min: now ` +
        this.keys.map((key, i) => `${this.names[i] ?? ''} ${this.format(now[key])}`.trim()).join(', ') +
        `, at most ${this.format(most)}`);
  }

  // Without a value, or without a message for long, a line is interrupted.
  runs(points, key) {
    const runs = [];
    let before = null;
    for (const point of points) {
      if (point[key] === null || point[key] === undefined) {
        before = null;
        continue;
      }
      if (before === null || point.timestamp - before.timestamp > 10000) runs.push([]);
      runs[runs.length - 1].push(point);
      before = point;
    }
    return runs;
  }

  tell(points, x, span) {
    let left = span < 120000 ? `${Math.round(span / 1000)} s ago` : `${Math.round(span / 60000)} min ago`;
    let right = 'now';
    this.cursor.setAttribute('visibility', this.at === null ? 'hidden' : 'visible');
    if (this.at !== null) {
      const nearest = points.reduce((best, point) =>
        Math.abs(x(point) - this.at * WIDTH) < Math.abs(x(best) - this.at * WIDTH) ? point : best);
      this.cursor.setAttribute('x1', x(nearest));
      this.cursor.setAttribute('x2', x(nearest));
      left = clock(nearest.timestamp);
      right = this.keys.map((key, i) => `${this.names[i] ?? ''} ${this.format(nearest[key])}`.trim()).join(' · ');
    }
    const middle = this.at === null
      ? this.names.map((name, i) => element('span', {className: i ? 'key second' : 'key'}, (i ? '┅ ' : '━ ') + name))
      : [];
    this.caption.replaceChildren(element('span', {}, left), ...middle, element('span', {}, right));
  }
}

// A tile: a title, one big number, a line of detail, and a graph.
class Tile {
  constructor(host, title, chart) {
    this.number = element('p', {className: 'value'}, '–');
    this.detail = element('p', {className: 'detail'});
    this.box = element('section', {className: 'card tile'}, element('h2', {}, title), this.number, this.detail);
    host.append(this.box);
    if (chart) this.chart = new Chart(this.box, {title, ...chart});
  }

  show(value, unit = '', detail = '') {
    this.number.replaceChildren(String(value), ...(unit ? [element('small', {}, ' ' + unit)] : []));
    this.detail.textContent = detail;
  }
}
