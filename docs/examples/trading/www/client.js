const eventSource = new EventSource('/api/trading');

eventSource.addEventListener('price-update', (event) => {
  const data = JSON.parse(event.data);
  updatePriceDisplay(data.symbol, data.price);
});

eventSource.addEventListener('alert', (event) => {
  const data = JSON.parse(event.data);
  showNotification(data.message);
});
