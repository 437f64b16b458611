import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vite';

// File names carry no hash: the build is committed, and the page adds a hash to the address.
export default defineConfig({
  base: './',
  plugins: [svelte({ compilerOptions: { css: 'external', cssHash: ({ hash, name, filename }) => `c-${hash(name + filename.split(/(?:^|\/)(?:src|node_modules)\//).pop())}` } })],
  build: {
    outDir: '../assets/editor',
    emptyOutDir: true,
    assetsInlineLimit: 0,
    cssCodeSplit: false,
    modulePreload: false,
    target: 'es2022',
    rolldownOptions: {
      input: 'src/main.js',
      preserveEntrySignatures: 'strict',
      output: {
        entryFileNames: 'editor.js',
        assetFileNames: ({ names }) => (names[0]?.endsWith('.css') ? 'editor.css' : '[name][extname]'),
        codeSplitting: false,
      },
    },
  },
});
