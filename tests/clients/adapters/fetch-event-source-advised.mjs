// @microsoft/fetch-event-source as docs/clients.md advises.
import {fetchEventSource} from '@microsoft/fetch-event-source';

export function watch(url, tell, {headers, withCredentials}) {
  let closed = false;
  const onOpen = () => tell({kind: 'open'});
  const onMessage = ({event, data, id}) =>
    tell({kind: 'event', type: event || 'message', data, id});
  const credentials = withCredentials ? 'include' : 'same-origin';
  const onStop = () => closed = true;

  // From here on as in docs/clients.md.
  class Final extends Error {}
  fetchEventSource(url, {
    headers,
    credentials,
    async onopen(response) {
      if (response.status === 200) return onOpen();
      const later = response.status === 429 || response.status >= 500;
      throw later ? new Error(response.status) : new Final(response.status);
    },
    onmessage(message) {
      if (message.id) onMessage(message);  // a comment comes as a message without anything
    },
    onclose() {
      throw new Error('the stream ended');  // so that it comes back, as EventSource does
    },
    onerror(error) {
      if (error instanceof Final) throw error;  // so that it stops
    },
  }).catch(onStop);
  // As far as here.
  return {isClosed: () => closed};
}
