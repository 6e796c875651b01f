import EventSource from 'eventsource2';

import {openEventSource} from './eventsource-api.mjs';

export function watch(url, tell, {headers}) {
  return openEventSource(EventSource, url, tell, {headers});
}
