// Opens an EventSource and tells everything that it does to `tell`.
export function watch(EventSource, url, tell, options) {
  const source = new EventSource(url, options);
  source.onopen = () => tell({kind: 'open'});
  source.onerror = () => tell({kind: source.readyState === 2 ? 'closed' : 'error'});
  for (const type of ['message', 'alert', 'sluice.gap']) {
    source.addEventListener(type, (event) => {
      tell({kind: 'event', type: event.type, data: event.data, id: event.lastEventId});
    });
  }
}
