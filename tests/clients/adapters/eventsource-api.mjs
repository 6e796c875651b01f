// What the adapters share. Each adapter's watch(url, tell, options) starts its client on a stream, tells
// what happens to it, and gives {isClosed}. Options: `headers` to
// send, `withCredentials`, and what single clients have of their own.

export const TYPES = ['message', 'alert', 'sluice.gap', 'sluice.expired'];

// For the clients with EventSource's interface.
export function openEventSource(EventSource, url, tell, options) {
  const source = new EventSource(url, options);
  source.onopen = () => tell({kind: 'open'});
  source.onerror = () => tell({kind: 'error'});
  for (const type of TYPES) {
    source.addEventListener(type, (event) => {
      tell({kind: 'event', type: event.type, data: event.data, id: event.lastEventId});
    });
  }
  return {isClosed: () => source.readyState === 2};
}

// Tells when a client has closed for good; not all of them have an event for it.
export function tellClosed(client, tell) {
  const timer = setInterval(() => {
    if (!client.isClosed()) return;
    clearInterval(timer);
    tell({kind: 'closed'});
  }, 20);
}
