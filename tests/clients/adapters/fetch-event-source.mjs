// @microsoft/fetch-event-source as it is without options: `onopen` below is what it does by default.
import {EventStreamContentType, fetchEventSource} from '@microsoft/fetch-event-source';

export function watch(url, tell, {headers, withCredentials}) {
  let closed = false;
  fetchEventSource(url, {
    headers,
    credentials: withCredentials ? 'include' : 'same-origin',
    async onopen(response) {
      if (!response.headers.get('content-type')?.startsWith(EventStreamContentType)) {
        throw new Error(`status ${response.status}`);
      }
      tell({kind: 'open'});
    },
    onmessage({event, data, id}) {
      // It takes the empty line after a comment for a message.
      const empty = !event && !data && !id;
      tell(empty ? {kind: 'empty'} : {kind: 'event', type: event || 'message', data, id});
    },
    onerror() {
      tell({kind: 'error'});
    },
  }).finally(() => closed = true);
  return {isClosed: () => closed};
}
