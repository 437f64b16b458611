// Many gestures of one hand, played inside the page: hundreds a second, through the same events that a
// browser sends. Called with the numbers of the hands; returns of each whether its undos gave the first
// document back, and every card to its place, and its redos the last, and how many steps that took.
async ({ hands, gestures }) => {
  const KEYS = ['b', 'c', 't', 'g', 'n', 'ctrl+d', 'Delete', 'ArrowDown', 'shift+ArrowRight', 'ctrl+a', 'alt+ArrowLeft',
    'alt+ArrowUp', 'ctrl+shift+G', 'ctrl+shift+U', 'Enter', 'ctrl+ArrowRight'];
  const WORDS = ['text', 'mask', 'expert', 'fuse', 'curve', 'sampler', 'reroute', 'guidance', 'picture'];
  const CROWD = 24;
  const one = (selector, root = document) => root.querySelector(selector);
  const all = (selector) => [...document.querySelectorAll(selector)];
  const { port1, port2 } = new MessageChannel();
  // what was done is drawn before the next, by a message: timers that follow one another are held back
  const pause = () => new Promise((done) => {
    port1.onmessage = done;
    port2.postMessage(0);
  });
  const undo = one("header nav [aria-label='Undo']");
  const redo = one("header nav [aria-label='Redo']");

  function dice(seed) {
    let state = seed;
    const next = () => {
      state = (state + 0x6d2b79f5) | 0;
      let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
      mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
      return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
    };
    return { below: (count) => Math.floor(next() * count), of: (list) => list[Math.floor(next() * list.length)] };
  }

  function press(keys, target = document.activeElement ?? document.body) {
    const parts = keys.split('+');
    const held = { ctrlKey: parts.includes('ctrl'), shiftKey: parts.includes('shift'), altKey: parts.includes('alt') };
    for (const type of ['keydown', 'keyup']) {
      target.dispatchEvent(new KeyboardEvent(type, { key: parts.at(-1), ...held, bubbles: true, cancelable: true }));
    }
  }

  function point(target, type, x, y) {
    const Kind = type.startsWith('pointer') ? PointerEvent : MouseEvent;
    const buttons = type.endsWith('up') || type === 'click' ? 0 : 1;
    target.dispatchEvent(new Kind(type, { clientX: x, clientY: y, buttons, view: window, bubbles: true, cancelable: true, pointerId: 1 }));
  }

  /** Each event is a task of its own, as a hand's are. */
  async function drag(title, across, down) {
    const { x, y } = title.getBoundingClientRect();
    for (const type of ['pointerdown', 'mousedown']) point(title, type, x + 4, y + 4);
    for (const part of [0.3, 0.7, 1]) {
      point(window, 'mousemove', x + 4 + part * across, y + 4 + part * down);
      await pause();
    }
    for (const type of ['mouseup', 'pointerup', 'click']) point(type === 'click' ? title : window, type, x + 4 + across, y + 4 + down);
  }

  function write(field, text) {
    field.value = text;
    field.dispatchEvent(new InputEvent('input', { bubbles: true }));
  }

  /** One of the keys; copies of copies would soon fill the canvas. */
  const keyOf = (chance) => {
    const keys = chance.of(KEYS);
    return keys === 'ctrl+d' && all('.svelte-flow__node').length > CROWD ? 'Delete' : keys;
  };
  const ground = () => one('.canvas').focus({ preventScroll: true });
  const acts = {
    async drag(chance) {
      const title = chance.of(all('.svelte-flow__node-card h2'));
      if (title) await drag(title, chance.of([0, 33, -44]), chance.of([0, 22, -33]));
    },
    press(chance) { press(keyOf(chance)); },
    choose(chance) { chance.of(all('.svelte-flow__node'))?.focus(); press(keyOf(chance)); },
    fader(chance) {
      const fader = chance.of(all('[data-strip] [role=slider]'));
      fader?.focus();
      if (fader) press(chance.of(['PageDown', 'PageUp', 'Home', 'End']));
      ground();
    },
    set(chance) {
      const field = chance.of(all('.svelte-flow__node-card select'));
      if (!field) return;
      field.value = chance.of([...field.options]).value;
      field.dispatchEvent(new Event('change', { bubbles: true }));
    },
    title(chance) { write(one('.title input'), `Take ${chance.below(100)}`); },
    async rename(chance) {
      chance.of(all('.svelte-flow__node-card'))?.focus();
      press('F2');
      await pause();
      const field = one('.svelte-flow__node-card h2 ~ input, .svelte-flow__node-card header input');
      if (!field) return;
      field.value = `Card ${chance.below(9)}`;
      press('Enter', field);
    },
    async add(chance) {
      ground();
      press('/');
      await pause();
      const field = one('.finder input');
      if (!field) return;
      write(field, chance.of(WORDS));
      await pause();
      press('Enter', field);
    },
    async wire(chance) {
      chance.of(all('.svelte-flow__node-card'))?.focus();
      press('w');
      await pause();
      chance.of(all('.finder [role=option]'))?.click();
      await pause();
      if (one('.finder')) press('Escape', one('.finder input'));
    },
    leave() { ground(); press('Escape'); },
  };

  const document_ = () => {
    window.dispatchEvent(new Event('pagehide')); // it is kept when the page goes
    return JSON.stringify(JSON.parse(localStorage.getItem('chorale.kept')).workflow);
  };

  /** Where every card stands, as it is drawn. */
  const drawn = () => JSON.stringify(all('.svelte-flow__node').map((node) => [node.dataset.id, node.style.transform]).sort());

  const told = [];
  for (const hand of hands) {
    const chance = dice(hand);
    while (!undo.disabled) { undo.click(); await pause(); }
    const [first, stood] = [document_(), drawn()];
    const played = [];
    for (let number = 0; number < gestures; number += 1) {
      const name = chance.of(Object.keys(acts));
      played.push(name);
      await acts[name](chance);
      await pause();
    }
    const last = document_();
    let steps = 0;
    while (!undo.disabled) { undo.click(); await pause(); steps += 1; }
    const undone = document_() === first;
    const standing = drawn() === stood;
    for (let step = 0; step < steps; step += 1) { redo.click(); await pause(); }
    told.push({ hand, steps, changed: last !== first, undone, standing, redone: document_() === last, played: played.join(' ') });
  }
  return told;
}
