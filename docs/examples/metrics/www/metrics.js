const show = (id, text) => { document.getElementById(id).textContent = text; };

const eventSource = new EventSource('/api/metrics');

eventSource.onmessage = (event) => {
  const data = JSON.parse(event.data);
  if (data.status) {
    show('status', data.status);
    return;
  }
  show('cpu', `${data.cpu.toFixed(1)} %`);
  show('memory', `${data.memory.toFixed(3)} GiB`);
  show('updated', new Date(data.timestamp).toLocaleTimeString());
};

eventSource.onerror = () => show('status', 'reconnecting');
