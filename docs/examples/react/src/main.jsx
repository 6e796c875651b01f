import { createRoot } from 'react-dom/client';

import LiveFeed from './LiveFeed.jsx';

createRoot(document.getElementById('root')).render(<LiveFeed />);
