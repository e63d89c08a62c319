// The table of pages. A page is a row here and a folder in `pages/`: its element is loaded when it is shown for the first
// time, and gets the address as the property `route`. The server's table of files (`src/dashboard/mod.rs`) has its chunk.
import type { TemplateResult } from 'lit';
import { html } from 'lit';
import type { Route } from './router.ts';

export interface Page {
  /** The paths that it is shown at, below the top. */
  path: RegExp;
  /** Its title in the browser's window; the shell adds the product's name. */
  title: string;
  /** Its words and address below the top in the navigation; null where there is no way to it from there. */
  link: { words: string; href: string } | null;
  /** Whether it is shown to whoever has not signed in. */
  open: boolean;
  /** Loads its element. */
  load: () => Promise<unknown>;
  /** Draws its element. */
  draw: (route: Route) => TemplateResult;
}

export const pages: Page[] = [
  {
    path: /^\/$/,
    title: 'Board',
    link: { words: 'Board', href: '' },
    open: false,
    load: () => import('../pages/board/page.ts'),
    draw: (route) => html`<clockfold-board .route=${route}></clockfold-board>`,
  },
  {
    path: /^\/appointment\/(?<source>[^/]+)\/(?<id>[^/]+)$/,
    title: 'Appointment',
    link: null,
    open: false,
    load: () => import('../pages/appointment/page.ts'),
    draw: (route) => html`<clockfold-appointment .route=${route}></clockfold-appointment>`,
  },
  {
    path: /^\/rejections$/,
    title: 'Rejected and unreadable',
    link: { words: 'Rejections', href: 'rejections' },
    open: false,
    load: () => import('../pages/rejections/page.ts'),
    draw: (route) => html`<clockfold-rejections .route=${route}></clockfold-rejections>`,
  },
  {
    path: /^\/charts$/,
    title: 'Charts',
    link: { words: 'Charts', href: 'charts' },
    open: false,
    load: () => import('../pages/charts/page.ts'),
    draw: (route) => html`<clockfold-charts .route=${route}></clockfold-charts>`,
  },
  {
    path: /^\/sign-in$/,
    title: 'Sign in',
    link: null,
    open: true,
    load: () => import('../pages/sign-in/page.ts'),
    draw: (route) => html`<clockfold-sign-in .route=${route}></clockfold-sign-in>`,
  },
];
