// @ts-check
// Boots the wallet's worker: listeners, and what only `chrome.*` can do. What is decided is decided in wasm.
import init, { Wallet, __wbg_reset_state as reset } from './wallet-wasm/wallet_wasm.js';
import * as approvals from './approvals.js';

/** Where the key of the open vault is kept: in memory, gone when the browser closes, out of reach of content scripts. */
const VAULT = 'vault';
/** Names this run of the browser. */
const RUN = 'run';
const ALARM = 'wake';
/** What a page may send at most. */
const MAX_REQUEST = 64 * 1024;

/** What the wallet asks of us. */
const host = {
  /** @param {string | undefined} key */
  async keepKey(key) {
    if (key) return chrome.storage.session.set({ [VAULT]: key });
    // The vault was locked: nothing of it is left, and nobody can say Pay any more.
    await chrome.storage.session.remove(VAULT);
    await approvals.close();
  },

  changed() {
    void chrome.runtime.sendMessage({ event: 'changed' }).catch(() => null);
  },

  /** @param {string} page @param {string} outcome */
  outcome(page, outcome) {
    const { tab, document, id } = JSON.parse(page);
    const target = document ? { documentId: document } : { frameId: 0 };
    const message = { channel: 'page', type: 'outcome', id, ...JSON.parse(outcome) };
    void chrome.tabs.sendMessage(tab, message, target).catch(() => null);
  },
};

/** @type {Promise<Wallet> | undefined} */
let opening;

/**
 * What the wasm cannot go on from. All that matters is stored: a fresh instance goes on where this one stopped.
 * @param {unknown} reason
 */
function recover(reason) {
  if (!(reason instanceof WebAssembly.RuntimeError)) return;
  opening = undefined;
  asked.clear();
  reset();
}

/** Shows how many notices the shopper has not seen. @param {Wallet} opened */
async function badge(opened) {
  const count = await opened.news().catch(() => 0);
  await chrome.action.setBadgeText({ text: count ? String(count) : '' });
}

/** The wallet; loaded by the first who asks. */
function wallet() {
  opening ??= open().catch((reason) => {
    opening = undefined;
    recover(reason);
    throw reason;
  });
  return opening;
}

async function open() {
  const [stored] = await Promise.all([chrome.storage.session.get([VAULT, RUN]), init()]);
  const { [VAULT]: key, [RUN]: known } = /** @type {Record<string, string | undefined>} */ (stored);
  const run = known ?? crypto.randomUUID();
  if (known === undefined) await chrome.storage.session.set({ [RUN]: run });
  const opened = await Wallet.open(host, run, key);
  // Whoever waits for an answer comes first.
  void Promise.allSettled(asked.values()).then(() => resume(opened));
  return opened;
}

/**
 * Sends again what waits for an answer; not twice at once.
 * @param {Wallet} opened
 */
async function resume(opened) {
  await navigator.locks.request('resume', { ifAvailable: true }, async (lock) => {
    // Where the vault is locked there is nothing to do: unlocking comes by here again.
    if (lock) await opened.resume().catch(recover);
  });
  await schedule(opened);
}

/**
 * Wakes us when something has to be sent again, or a session ends.
 * @param {Wallet} opened
 */
async function schedule(opened) {
  const minutes = await opened.wakeInMinutes().catch(() => undefined);
  if (minutes === undefined) await chrome.alarms.clear(ALARM);
  else await chrome.alarms.create(ALARM, { delayInMinutes: minutes });
}

/** Questions that are being answered: asked twice at once, they are answered once. @type {Map<string, Promise<unknown>>} */
const asked = new Map();

/**
 * Answers a page of ours.
 * @param {unknown} message
 */
function answer(message) {
  const text = JSON.stringify(message);
  const known = asked.get(text);
  if (known) return known;
  const fresh = handle(text).finally(() => asked.delete(text));
  asked.set(text, fresh);
  return fresh;
}

/** @param {string} text */
async function handle(text) {
  try {
    const opened = await wallet();
    const reply = JSON.parse(await opened.handleUi(text));
    void afterwards(opened, JSON.parse(text).action);
    return reply;
  } catch (reason) {
    console.error(reason);
    recover(reason);
    // Whatever happened, what was committed is sent by the next worker.
    return { error: { code: 'storage-failed', detail: String(reason), money: 'waiting' } };
  }
}

/** What changes nothing, and needs nothing done afterwards. */
const READING = new Set(
  ['state', 'approval', 'receipt', 'look-up-server', 'settings', 'history', 'totals', 'export', 'payment-messages'],
);
/** What changes what there is to notice. */
const NOTICED = new Set(['dismiss-notice', 'refresh', 'approve', 'lock']);

/** @param {Wallet} opened @param {string} action */
async function afterwards(opened, action) {
  if (action === 'unlock') {
    await resume(opened);
    // What merchants gave back is told by statements alone.
    await opened.handleUi('{"action":"refresh"}');
    await badge(opened);
  } else if (NOTICED.has(action)) await badge(opened);
  else if (!READING.has(action)) await schedule(opened);
}

/**
 * Takes in what a content script says. All but the request and its name is the browser's word.
 * @param {any} message
 * @param {{ origin: string, tab: number, document: string | undefined }} page
 */
async function answerPage(message, page) {
  const opened = await wallet();
  if (message.type === 'abort') {
    await approvals.close(await opened.abort(page.tab, page.document, message.id));
    return null;
  }
  const { id, request } = message;
  const taken = JSON.parse(await opened.handlePage(JSON.stringify({ ...page, id, request })));
  if (taken.outcome?.outcome === 'paid') {
    // Paid by a rule: the shopper sees it, and what is due next.
    await Promise.all([badge(opened), schedule(opened)]);
    return taken;
  }
  // A page that asks while its request waits gets its window back in front.
  await approvals.show(() => opened.waiting()).catch((reason) => refuse(opened, taken.accepted, reason));
  return taken;
}

/**
 * Refuses a request that cannot be shown, so that it does not wait for nobody.
 * @param {Wallet} opened @param {string | undefined} request @param {unknown} reason
 */
async function refuse(opened, request, reason) {
  if (reason) console.error(reason);
  if (request) await opened.handleUi(JSON.stringify({ action: 'refuse', input: { request } }));
}

/** @param {any} message */
const isOfPage = (message) =>
  message?.channel === 'page' &&
  typeof message.id === 'string' &&
  message.id.length <= 64 &&
  (message.type === 'abort' ||
    (message.type === 'pay' && typeof message.request === 'string' && message.request.length <= MAX_REQUEST));

/**
 * Who speaks, if it is a web page that may: top frame, https or this very machine.
 * @param {chrome.runtime.MessageSender} sender
 */
function pageOf({ origin, frameId, tab, documentId }) {
  if (origin === undefined || frameId !== 0 || tab?.id === undefined || !URL.canParse(origin)) return undefined;
  const { protocol, hostname } = new URL(origin);
  const here = protocol === 'http:' && ['localhost', '127.0.0.1', '[::1]'].includes(hostname);
  return protocol === 'https:' || here ? { origin, tab: tab.id, document: documentId } : undefined;
}

/** @param {chrome.runtime.MessageSender} sender */
const isOurs = (sender) => sender.url?.startsWith(chrome.runtime.getURL('')) ?? false;

chrome.runtime.onMessage.addListener((message, sender, respond) => {
  if (sender.id !== chrome.runtime.id) return false;
  if (isOurs(sender)) {
    if (typeof message?.action !== 'string') return false;
    void answer(message).then(respond);
    return true;
  }
  const page = pageOf(sender);
  if (!page || !isOfPage(message)) return false;
  answerPage(message, page).then(respond, (reason) => {
    recover(reason);
    respond(null);
  });
  return true;
});

/** @param {number} window */
async function windowClosed(window) {
  const request = await approvals.closed(window);
  if (request === undefined) return;
  const opened = await wallet();
  await refuse(opened, request, undefined);
  await approvals.show(() => opened.waiting());
}

/** Whatever fails here is made good by the next worker. @param {unknown} reason */
const note = (reason) => {
  console.warn(reason);
  recover(reason);
};

chrome.windows.onRemoved.addListener((window) => void windowClosed(window).catch(note));

chrome.alarms.onAlarm.addListener(({ name }) => {
  if (name === ALARM) void wallet().then(resume).catch(note);
});

/** Locks now: the screen was locked, or the browser was started. */
const lock = () => wallet().then((opened) => opened.handleUi('{"action":"lock"}'));

// Whoever left the screen has left the wallet.
chrome.idle?.onStateChanged.addListener((state) => {
  if (state === 'locked') void lock().catch(note);
});
chrome.runtime.onStartup.addListener(() => void lock().catch(note));

// A new worker goes on where the last one stopped.
void wallet().catch(note);
