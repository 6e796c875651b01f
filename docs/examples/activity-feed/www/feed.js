const form = document.querySelector('form');
const state = document.getElementById('state');
const feed = document.getElementById('feed');

// ?type= of this page is the feed's.
const source = new EventSource('/api/activity-feed' + location.search);

source.onopen = () => { state.textContent = 'connected'; };
source.onerror = () => {
  state.textContent = source.readyState === EventSource.CLOSED ? 'disconnected' : 'reconnecting';
};
source.onmessage = (event) => {
  const {type, message, timestamp} = JSON.parse(event.data);
  const item = document.createElement('li');
  item.textContent = `${timestamp} ${type}: ${message}`;
  feed.prepend(item);
};

form.onsubmit = async (event) => {
  event.preventDefault();
  const activity = Object.fromEntries(new FormData(form));
  const response = await fetch('/api/activity', {
    method: 'POST',
    headers: {'Content-Type': 'application/json'},
    body: JSON.stringify(activity),
  });
  if (response.ok) {
    form.elements.message.value = '';
  } else {
    state.textContent = `not taken: ${(await response.json()).detail}`;
  }
};
