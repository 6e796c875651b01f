import launchdarkly from 'launchdarkly-eventsource';

import {openEventSource} from './eventsource-api.mjs';

export function watch(url, tell, {headers}) {
  return openEventSource(launchdarkly.EventSource, url, tell, {headers});
}
