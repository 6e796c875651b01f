'use strict';

const $ = (id) => document.getElementById(id);
const data = JSON.parse($('data').textContent);
const series = new Series();
const KEPT_LINES = 50;
const MiB = 1 / 1024;  // memory comes in GiB

// --- the gateway's own numbers ---

const tiles = [
  ['Subscribers', {keys: ['subscribers']}, (now) => [number(now.subscribers), `on ${number(now.connections)} connections`]],
  ['Deliveries per second', {keys: ['deliveries_per_second']}, (now) => [number(now.deliveries_per_second), '/s']],
  ['CPU', {keys: ['cpu'], format: (value) => `${number(value)} %`, least: 10}, (now) => [number(now.cpu), '% of all cores']],
  ['Memory', {keys: ['memory'], format: (value) => bytes(value * 1024 ** 3), least: 16 * MiB, unit: MiB},
    (now) => [bytes(now.memory * 1024 ** 3), 'resident']],
].map(([title, chart, read]) => ({tile: new Tile($('tiles'), title, chart), read}));

const boxes = [];
const metrics = new LiveStream(data.metrics, {
  badge: $('state'),
  silenceMs: 7000,  // it speaks every two seconds
  onEvent: (event) => {
    if (event.type !== 'message') return;
    series.add(JSON.parse(event.data));
    for (const {tile, read} of tiles) {
      tile.show(...read(series.now));
      tile.chart.draw(series.points);
    }
  },
  onState: (state) => {
    // The topics may have nothing to say for long: that the gateway is gone shows here first.
    if (state === 'reconnecting') for (const box of boxes) box.doubt();
  },
});

// --- topics ---

class TopicBox {
  constructor(topic) {
    this.topic = topic;
    this.badge = element('span', {className: 'badge', hidden: true});
    this.watch = element('button', {className: 'plain', type: 'button', onclick: () => this.start()}, 'Watch');
    this.list = element('ol', {tabIndex: 0}, element('li', {className: 'empty'}, 'no events yet'));
    this.list.setAttribute('aria-label', `events of ${topic.name}`);
    const box = element('section', {className: 'card topic'},
        element('header', {}, element('h2', {}, topic.name), this.watch, this.badge),
        element('code', {}, `curl -N ${location.origin}${topic.path}`), this.list);
    box.dataset.topic = topic.name;
    if (topic.publish) this.addForm(box);
    $('topics').append(box);
  }

  start() {
    this.watch.remove();
    this.badge.hidden = false;
    this.stream = new LiveStream(this.topic.path, {badge: this.badge, onEvent: (event) => this.add(event)});
  }

  doubt() {
    if (this.stream && this.stream.state === 'open') this.stream.restart();
  }

  add(event) {
    for (const line of this.list.querySelectorAll('.empty')) line.remove();
    const gap = event.type === 'sluice.gap';
    const text = gap ? `may have missed something (${JSON.parse(event.data).reason})` : event.data;
    const time = element('small', {title: `id ${event.lastEventId}`}, clock(Date.now()));
    this.list.prepend(element('li', {className: gap ? 'gap' : ''}, time, text));
    while (this.list.children.length > KEPT_LINES) this.list.lastChild.remove();
  }

  addForm(box) {
    const chat = this.topic.name === 'chat';
    const name = element('input', {className: 'name', value: `guest-${Math.floor(Math.random() * 900 + 100)}`, maxLength: 40});
    name.setAttribute('aria-label', 'your name');
    const text = element('input', {required: true, autocomplete: 'off',
      placeholder: this.topic.json ? '{"type": "hello"}' : chat ? 'say something' : `publish on ${this.topic.name}`});
    text.setAttribute('aria-label', `message for ${this.topic.name}`);
    const error = element('p', {className: 'error'});
    error.setAttribute('role', 'alert');
    const form = element('form', {}, ...(chat ? [name] : []), text, element('button', {}, chat ? 'Send' : 'Publish'));
    form.onsubmit = async (submitted) => {
      submitted.preventDefault();
      error.textContent = await this.publish(chat ? `${name.value}: ${text.value}` : text.value);
      if (!error.textContent) text.value = '';
    };
    box.append(form, error);
  }

  // What went wrong; empty if nothing did.
  async publish(body) {
    try {
      const answer = await fetch(this.topic.publish, {method: 'POST', body, signal: AbortSignal.timeout(5000)});
      if (answer.ok) return '';
      const said = await answer.json().catch(() => ({}));
      return `not published: ${answer.status} ${said.detail ?? ''}`;
    } catch {
      return 'not published: the gateway does not answer';
    }
  }
}

// The chat first. It is watched from the start, the others when asked for: see LiveStream.
const topics = [...data.topics].sort((a, b) => (b.name === 'chat') - (a.name === 'chat'));
for (const topic of topics) boxes.push(new TopicBox(topic));
if (boxes.length > 0) boxes[0].start();

$('more').append('Publish from a shell: ', element('code', {},
    `curl -d hello ${location.origin}${topics.find((topic) => topic.publish)?.publish ?? '/publish/TOPIC'}`));
if (data.status) {
  $('more').append(' · For operators: ', element('a', {href: data.status}, data.status));
}
