/** A real Chromium for a test, and a console that one is logged into. Tests without a Chromium skip, and say so. */

import { type ExecFileSyncOptions, execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { Browser, BrowserContext, BrowserContextOptions, Page } from 'playwright-core';
import { root } from '../base/root.ts';
import { vigil } from './cli.ts';
import { buildHouse, type House, type HouseOptions } from './house.ts';
import { PATIENCE_ms, scratch } from './scratch.ts';

const QUIET = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** Where Chromium is; null where there is none. */
export function chromium(): string | null {
  if (existsSync('/usr/bin/chromium')) return '/usr/bin/chromium';
  const options: ExecFileSyncOptions = { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] };
  try {
    return String(execFileSync('which', ['chromium'], options)).trim();
  } catch {
    return null; // `which` found none
  }
}

/** Why tests in a browser are left out here; false where they are not: `test(title, { skip: noBrowser }, …)`. */
export const noBrowser: string | false = chromium() === null ? 'there is no chromium here' : false;

/** A browser with nothing in it, which ends with the test. `more` are arguments of its own. */
export async function browserOf(t: TestContext, more: readonly string[] = []): Promise<Browser> {
  const executablePath = chromium();
  if (executablePath === null) throw new Error('browser: expected a chromium, found none');
  const { chromium: playwright } = await import('playwright-core');
  const browser = await playwright.launch({
    executablePath,
    args: [...QUIET, ...more],
    env: { ...process.env, HOME: scratch(t) },
  });
  t.after(() => browser.close());
  return browser;
}

/** A browser in front of a house whose console serves. */
export type Visitors = {
  /** `http://127.0.0.1:<port>`. */
  origin: string;
  browser: Browser;
  /** What the browser complained of: blocked by the policy, or thrown in a page. */
  faults: string[];
  /** One more browser window that is in, with a session of its own. */
  enter(options?: BrowserContextOptions): Promise<{ context: BrowserContext; page: Page; base: string }>;
};

export type OpenConsole = Visitors & {
  house: House;
  /** One that is in, at the overview; its address ends with a slash. */
  page: Page;
  /** The addresses of all pages begin so: `http://127.0.0.1:<port>/c/<random>`. */
  base: string;
};

/** @param more arguments of the browser's own */
export async function visitorsOf(
  t: TestContext,
  house: House,
  more: readonly string[] = [],
): Promise<Visitors> {
  const origin = `http://127.0.0.1:${house.port + 5}`;
  const browser = await browserOf(t, more);
  const faults: string[] = [];
  const enter: OpenConsole['enter'] = async (how) => {
    const context = await browser.newContext(how);
    context.setDefaultTimeout(PATIENCE_ms);
    const page = await context.newPage();
    page.on('pageerror', (error) => faults.push(String(error)));
    page.on('console', (message) => {
      if (message.type() === 'error') faults.push(message.text());
    });
    await page.goto(await linkInto(house));
    if (how?.javaScriptEnabled === false) await page.getByRole('button').click();
    await page.waitForURL(/\/c\/[\w-]+\/$/);
    return { context, page, base: page.url().replace(/\/$/, '') };
  };
  return { origin, browser, faults, enter };
}

/**
 * A console that serves a house, and a browser that is in. `seed` runs once the store is there and nothing else than the
 * console: a test opens it as whose rows it writes.
 */
export async function consoleOf(
  t: TestContext,
  seed: (house: House) => Promise<void> = async () => {},
  options: HouseOptions = {},
): Promise<OpenConsole> {
  const house = await buildHouse(options);
  t.after(() => house.close());
  const served = await house.serve('console');
  if (served.child.exitCode !== null) throw new Error(`the console did not start: ${served.output()}`);
  await seed(house);
  const visitors = await visitorsOf(t, house);
  const { page, base } = await visitors.enter();
  return { house, ...visitors, page, base };
}

/** A fresh link, as the command line prints it. */
export async function linkInto(house: House): Promise<string> {
  const { stdout, stderr } = await vigil(house.home, ['console']);
  const link = stdout.trim();
  if (!link.startsWith('http://')) throw new Error(`vigil console printed no link: ${stdout}${stderr}`);
  return link;
}

/** At three widths, light and dark, into the folder that VIGIL_SHOTS names; nothing where it names none. */
export async function shots(page: Page, name: string): Promise<void> {
  const folder = process.env.VIGIL_SHOTS;
  if (!folder) return;
  mkdirSync(folder, { recursive: true });
  const before = page.viewportSize();
  await page.evaluate('scrollTo(0, 0)');
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    for (const width of [1440, 820, 390]) {
      await page.setViewportSize({ width, height: width === 390 ? 844 : 900 });
      const path = join(folder, `${name}-${colorScheme}-${width}.png`);
      await page.screenshot({ path, fullPage: true });
    }
  }
  await page.emulateMedia({ colorScheme: null, reducedMotion: null });
  if (before) await page.setViewportSize(before);
}

/** One picture, of what is seen of the page at once, beside those. */
export async function snapshot(
  page: Page,
  name: string,
  as: { width: number; height: number; colorScheme: 'light' | 'dark' },
): Promise<void> {
  const folder = process.env.VIGIL_SHOTS;
  if (!folder) return;
  const before = page.viewportSize();
  const { colorScheme, ...size } = as;
  await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
  await page.setViewportSize(size);
  await page.screenshot({ path: join(folder, `${name}.png`) });
  await page.emulateMedia({ colorScheme: null, reducedMotion: null });
  if (before) await page.setViewportSize(before);
}

const AXE = join(root, 'node_modules', 'axe-core', 'axe.min.js');

/** What axe finds wrong with the page, in light and in dark; nothing where all is well. */
export async function axe(page: Page): Promise<string[]> {
  const source = readFileSync(AXE, 'utf8');
  const found: string[] = [];
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    // A colour on its way from one scheme to the other is of neither.
    await page.evaluate('Promise.allSettled(document.getAnimations().map(({ finished }) => finished))');
    // As the page's own policy allows no script but the console's, it is put in from outside the page.
    await page.evaluate(source);
    const wrong: string[] = await page.evaluate(
      `axe.run(document).then(({ violations }) => violations.flatMap(({ id, nodes }) =>
        nodes.map((node) => id + ': ' + node.html.slice(0, 160) + ' ' + (node.failureSummary || '').slice(0, 300))))`,
    );
    found.push(...wrong.map((one) => `${colorScheme}: ${one}`));
  }
  await page.emulateMedia({ colorScheme: null, reducedMotion: null });
  return found;
}

/** How far the page can be scrolled sideways: not at all, at any width. */
export async function sideways(page: Page, width = 390): Promise<number> {
  const before = page.viewportSize();
  await page.setViewportSize({ width, height: 844 });
  const over: number = await page.evaluate(
    'document.documentElement.scrollWidth - document.documentElement.clientWidth',
  );
  if (before) await page.setViewportSize(before);
  return over;
}
