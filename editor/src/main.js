import './theme/fonts.css';
import './theme/tokens.css';
import { mount as mountComponent, unmount } from 'svelte';
import App from './App.svelte';

/** Mount the studio into `target`; `api` is what gr.HTML hands over: props, trigger, watch, server. */
export function mount(target, api) {
  const app = mountComponent(App, { target, props: { api } });
  return () => unmount(app);
}
