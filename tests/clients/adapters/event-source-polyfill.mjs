import 'event-source-polyfill';

import {openEventSource} from './eventsource-api.mjs';

export function watch(url, tell, options) {
  return openEventSource(EventSourcePolyfill, url, tell, options);
}
