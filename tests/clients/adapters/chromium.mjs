import {openEventSource} from './eventsource-api.mjs';

export function watch(url, tell, {withCredentials}) {
  return openEventSource(EventSource, url, tell, {withCredentials});
}
