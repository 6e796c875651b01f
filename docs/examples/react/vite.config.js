import { defineConfig } from 'vite';

// LiveFeed.jsx is the component and nothing else: it exports nothing. Here it becomes a module.
const exportLiveFeed = {
  name: 'export-live-feed',
  enforce: 'pre',
  transform: (code, id) =>
    id.endsWith('/src/LiveFeed.jsx') ? `${code}export default LiveFeed;\n` : null,
};

export default defineConfig({
  plugins: [exportLiveFeed],
  esbuild: { jsx: 'automatic' },
  // Where nginx.conf of these examples looks.
  build: { outDir: 'www' },
});
