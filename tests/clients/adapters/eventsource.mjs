import {EventSource} from 'eventsource';

import {openEventSource} from './eventsource-api.mjs';

export function watch(url, tell, {headers}) {
  return openEventSource(EventSource, url, tell, {
    fetch: (target, init) => fetch(target, {...init, headers: {...init.headers, ...headers}}),
  });
}
