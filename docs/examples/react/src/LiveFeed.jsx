import { useEffect, useRef, useState } from 'react';
function LiveFeed() {
  const [status, setStatus] = useState('disconnected');
  const [messages, setMessages] = useState([]);
  const eventSourceRef = useRef(null);
  useEffect(() => {
    const connectToStream = () => {
      const es = new EventSource('/api/events');
      eventSourceRef.current = es;
      es.onopen = () => {
        setStatus('connected');
        console.log('SSE connection established');
      };
      es.onmessage = (event) => {
        const data = JSON.parse(event.data);
        setMessages(prev => [data, ...prev].slice(0, 50)); // Keep last 50
      };
      es.onerror = (error) => {
        console.error('SSE error:', error);
        setStatus('error');
        // EventSource automatically reconnects, but we can monitor
        if (es.readyState === EventSource.CLOSED) {
          setStatus('disconnected');
        } else {
          setStatus('reconnecting');
        }
      };
    };
    connectToStream();
    // Cleanup on unmount
    return () => {
      if (eventSourceRef.current) {
        eventSourceRef.current.close();
        eventSourceRef.current = null;
      }
    };
  }, []);
  return (
    <div>
      <div>Status: {status}</div>
      <ul>
        {messages.map((msg, idx) => (
          <li key={idx}>{JSON.stringify(msg)}</li>
        ))}
      </ul>
    </div>
  );
}
