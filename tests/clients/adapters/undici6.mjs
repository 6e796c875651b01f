import {EventSource} from 'undici6';

import {openEventSource} from './eventsource-api.mjs';

export function watch(url, tell) {
  return openEventSource(EventSource, url, tell);
}
