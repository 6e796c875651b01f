import {createEventSource} from 'eventsource-client';

export function watch(url, tell, {headers}) {
  const client = createEventSource({
    url,
    headers,
    onConnect: () => tell({kind: 'open'}),
    onScheduleReconnect: () => tell({kind: 'error'}),
    onMessage: ({event, data, id}) => tell({kind: 'event', type: event ?? 'message', data, id}),
  });
  return {isClosed: () => client.readyState === 'closed'};
}
