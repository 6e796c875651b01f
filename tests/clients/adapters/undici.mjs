import {EventSource} from 'undici';

import {openEventSource} from './eventsource-api.mjs';

export function watch(url, tell) {
  return openEventSource(EventSource, url, tell);
}
