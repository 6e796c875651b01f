import ReconnectingEventSource from 'reconnecting-eventsource';

import {openEventSource} from './eventsource-api.mjs';

export function watch(url, tell) {
  return openEventSource(ReconnectingEventSource, url, tell, {max_retry_time: 300});
}
