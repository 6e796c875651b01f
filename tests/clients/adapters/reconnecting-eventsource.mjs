import ReconnectingEventSource from 'reconnecting-eventsource';

import {openEventSource} from './eventsource-api.mjs';

export function watch(url, tell, {withCredentials, onmessage}) {
  const options = {withCredentials, max_retry_time: 300};
  if (!onmessage) return openEventSource(ReconnectingEventSource, url, tell, options);
  const source = new ReconnectingEventSource(url, options);
  source.onmessage = ({type, data, lastEventId}) =>
    tell({kind: 'event', type, data, id: lastEventId});
  return {isClosed: () => source.readyState === 2};
}
