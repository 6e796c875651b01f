// What client.js calls.

const prices = new Map();

function addItem(list, text) {
  const item = document.createElement('li');
  item.textContent = text;
  document.getElementById(list).append(item);
  return item;
}

function updatePriceDisplay(symbol, price) {
  if (!prices.has(symbol)) prices.set(symbol, addItem('prices', ''));
  prices.get(symbol).textContent = `${symbol} ${price.toFixed(2)}`;
}

function showNotification(message) {
  addItem('notifications', message);
}
