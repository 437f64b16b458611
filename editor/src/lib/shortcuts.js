/** The one table of shortcuts: what the keyboard does, what the help sheet and the menus say.
 *  `mod` is Ctrl, or Command on a Mac. `typing` ones work inside text fields too. */

export const SHORTCUTS = [
  { id: 'run', label: 'Run, or stop', keys: ['mod+Enter'], part: 'Play', typing: true },
  { id: 'painted', label: 'Who painted this?', keys: ['h'], part: 'Play' },
  { id: 'mixer', label: 'Fold or open the mixer', keys: ['m'], part: 'Play' },
  { id: 'undo', label: 'Undo', keys: ['mod+z'], part: 'Workflow', typing: true },
  { id: 'redo', label: 'Redo', keys: ['mod+shift+z', 'mod+y'], part: 'Workflow', typing: true },
  { id: 'face', label: 'Nodes or form', keys: ['v'], part: 'Workflow' },
  { id: 'help', label: 'This sheet', keys: ['?'], part: 'Workflow' },
  { id: 'regions', label: 'To the next part of the page', keys: ['F6'], part: 'Workflow', typing: true },
  { id: 'add', label: 'Add a node', keys: ['/', 'Tab'], part: 'Build', hint: 'or double-click the ground' },
  { id: 'wire', label: 'Wire, or unplug', keys: ['w'], part: 'Build', menu: 'node', hint: 'Enter does so on a port' },
  { id: 'rename', label: 'Rename', keys: ['F2'], part: 'Build', menu: 'one' },
  { id: 'bypass', label: 'Bypass', keys: ['b'], part: 'Build', menu: 'node' },
  { id: 'collapse', label: 'Fold to the title', keys: ['c'], part: 'Build', menu: 'node' },
  { id: 'duplicate', label: 'Duplicate', keys: ['mod+d'], part: 'Build', menu: 'any' },
  { id: 'delete', label: 'Delete', keys: ['Delete', 'Backspace'], part: 'Build', menu: 'any' },
  { id: 'copy', label: 'Copy', keys: ['mod+c'], part: 'Build', menu: 'any', native: true },
  { id: 'cut', label: 'Cut', keys: ['mod+x'], part: 'Build', menu: 'any', native: true },
  { id: 'paste', label: 'Paste', keys: ['mod+v'], part: 'Build', menu: 'ground', native: true },
  { id: 'group', label: 'Group', keys: ['g'], part: 'Arrange', menu: 'any' },
  { id: 'note', label: 'Write a note', keys: ['n'], part: 'Arrange', menu: 'ground' },
  { id: 'nest', label: 'Make a subgraph', keys: ['mod+shift+g'], part: 'Arrange', menu: 'node' },
  { id: 'unpack', label: 'Unpack the subgraph', keys: ['mod+shift+u'], part: 'Arrange', menu: 'subgraph' },
  { id: 'enter', label: 'Enter the subgraph', keys: ['Enter'], part: 'Arrange', menu: 'subgraph' },
  { id: 'leave', label: 'Unselect, or leave the subgraph', keys: ['Escape'], part: 'Arrange' },
  { id: 'left', label: 'Align left', keys: ['alt+ArrowLeft'], part: 'Arrange', menu: 'several' },
  { id: 'right', label: 'Align right', keys: ['alt+ArrowRight'], part: 'Arrange', menu: 'several' },
  { id: 'top', label: 'Align top', keys: ['alt+ArrowUp'], part: 'Arrange', menu: 'several' },
  { id: 'bottom', label: 'Align bottom', keys: ['alt+ArrowDown'], part: 'Arrange', menu: 'several' },
  { id: 'tidy', label: 'Tidy up', keys: ['t'], part: 'Arrange', menu: 'ground', hint: 'the selection, or everything' },
  { id: 'all', label: 'Select all', keys: ['mod+a'], part: 'Select and move', menu: 'ground', hint: 'Shift-drag the ground for a box, Shift-click for one more' },
  { id: 'walk', label: 'To the node beside', keys: ['mod+ArrowLeft', 'mod+ArrowRight', 'mod+ArrowUp', 'mod+ArrowDown'], part: 'Select and move', hint: 'Shift selects it too' },
  { id: 'move', label: 'Move the selection', keys: ['ArrowLeft', 'ArrowRight', 'ArrowUp', 'ArrowDown'], part: 'Select and move', hint: 'Shift moves further' },
  { id: 'fit', label: 'See everything', keys: ['f'], part: 'Look', menu: 'ground' },
  { id: 'nearer', label: 'Nearer', keys: ['+', '='], part: 'Look' },
  { id: 'further', label: 'Further', keys: ['-'], part: 'Look' },
  { id: 'actual', label: 'Actual size', keys: ['0'], part: 'Look' },
];

const TEXT = 'input:not([type=range], [type=checkbox], [type=file]), textarea, select, [contenteditable]';
const CONTROL = 'button, a, input, summary, [role=slider], [role=radio], [role=option], [role=menuitem], [role=button]';
/** Keys that controls use themselves. */
const THEIRS = ['Enter', ' ', 'Tab', 'Delete', 'Backspace', 'ArrowLeft', 'ArrowRight', 'ArrowUp', 'ArrowDown'];

/** The shortcut that a key press means, or undefined. Shift with arrows is a matter of degree. */
export function shortcutOf(event) {
  const target = event.target;
  return SHORTCUTS.find(({ keys, typing, native }) => !native && keys.some((each) => pressed(each, event))
    && (typing || !target?.closest?.(TEXT)) && !(THEIRS.includes(event.key) && !event.ctrlKey && !event.metaKey && !event.altKey && target?.closest?.(CONTROL)));
}

function pressed(keys, event) {
  const parts = keys.split('+').filter(Boolean);
  const key = keys.endsWith('+') ? '+' : parts.at(-1);
  const wants = (name) => parts.slice(0, -1).includes(name);
  const printed = key.length === 1 && !/[a-z]/.test(key);
  return event.key.toLowerCase() === key.toLowerCase() && (event.ctrlKey || event.metaKey) === wants('mod')
    && event.altKey === wants('alt') && (printed || key.startsWith('Arrow') || event.shiftKey === wants('shift'));
}

const SIGNS = { ArrowLeft: '←', ArrowRight: '→', ArrowUp: '↑', ArrowDown: '↓', Escape: 'Esc', Delete: 'Del' };

/** Keys as they are printed: ['Ctrl', 'Shift', 'G']. */
export function printed(keys, mac) {
  const parts = keys === '+' ? ['+'] : keys.split('+');
  const named = { mod: mac ? '⌘' : 'Ctrl', shift: mac ? '⇧' : 'Shift', alt: mac ? '⌥' : 'Alt' };
  return parts.map((part) => named[part] ?? SIGNS[part] ?? (part.length === 1 ? part.toUpperCase() : part));
}
