// Light, dark, or as the computer is set. The choice is kept in this browser; a wall display, which nobody clicks,
// has it in its address: `?theme=dark`.
import { State } from './state.ts';

export type Theme = 'auto' | 'light' | 'dark';

const KEY = 'clockfold-theme';

export const theme = new State<Theme>(asked() ?? kept() ?? 'auto');

theme.follow(() => {
  show();
  try {
    localStorage.setItem(KEY, theme.value);
  } catch {
    // A browser that keeps nothing still shows it.
  }
});
show();

function show(): void {
  if (theme.value === 'auto') delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme.value;
}

function asked(): Theme | null {
  return known(new URLSearchParams(location.search).get('theme'));
}

function kept(): Theme | null {
  try {
    return known(localStorage.getItem(KEY));
  } catch {
    return null;
  }
}

function known(text: string | null): Theme | null {
  return text === 'auto' || text === 'light' || text === 'dark' ? text : null;
}
