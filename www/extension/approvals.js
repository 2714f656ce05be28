// @ts-check
// The approval window: one at a time, for the oldest request that waits. Its address carries nothing but a request's name.

/** What is open, kept where it outlives this worker but not the browser. */
const KEY = 'approval';
const SIZE = { width: 420, height: 680 };

/** @typedef {{ window: number, request: string }} Shown */

/** @returns {Promise<Shown | undefined>} */
async function shown() {
  const stored = await chrome.storage.session.get(KEY);
  return /** @type {Shown | undefined} */ (stored[KEY]);
}

/** What is being shown. Two at once would each find no window, and open one. @type {Promise<void>} */
let turn = Promise.resolve();

/**
 * Shows the oldest request, or brings the window to the front that shows one.
 * @param {() => Promise<string[]>} ask which requests wait, oldest first
 */
export function show(ask) {
  const shown = turn.then(async () => present(await ask()));
  turn = shown.catch(() => undefined);
  return shown;
}

/** @param {string[]} waiting */
async function present(waiting) {
  const open = await shown();
  if (open && waiting.includes(open.request) && (await focus(open.window))) return;
  const [request] = waiting;
  if (request === undefined) return;
  const url = `approval.html?request=${encodeURIComponent(request)}`;
  const created = await chrome.windows.create({ type: 'popup', url, focused: true, ...SIZE });
  if (created?.id !== undefined) await chrome.storage.session.set({ [KEY]: { window: created.id, request } });
}

/** @param {number} window */
async function focus(window) {
  return chrome.windows.update(window, { focused: true, drawAttention: true }).then(() => true, () => false);
}

/**
 * Notes that a window was closed; yields the request that it showed.
 * @param {number} window
 */
export async function closed(window) {
  const open = await shown();
  if (open?.window !== window) return undefined;
  await chrome.storage.session.remove(KEY);
  return open.request;
}

/**
 * Closes the window if it shows one of these requests, or whatever it shows.
 * @param {string[]} [requests]
 */
export async function close(requests) {
  const open = await shown();
  const meant = open && (requests === undefined || requests.includes(open.request));
  if (meant) await chrome.windows.remove(open.window).catch(() => null);
}
