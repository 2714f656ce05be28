// @ts-check
// The wallet's side of the page channel (docs/page-channel.md). Silent until the page asks; it decides nothing.
(() => {
  'use strict';
  const MAX_REQUEST = 64 * 1024;
  const MAX_ID = 64;
  /** One request waits, and one more may bring its window to the front. Of others the worker does not hear. */
  const MAX_OPEN = 2;
  const wallet = {
    uuid: crypto.randomUUID(),
    name: 'Pay Cash',
    version: chrome.runtime.getManifest().version,
    protocols: ['2.0', '1.0'],
  };
  /** Requests that wait for their outcome. @type {Set<string>} */
  const open = new Set();

  /** @param {string} type @param {string} id @param {object} [fields] */
  const post = (type, id, fields) => postMessage({ paycash: 1, type, id, ...fields }, location.origin);

  /** @param {string} id @param {{ outcome: string, code?: string }} end */
  const finish = (id, { outcome, code }) => {
    if (open.delete(id)) post('outcome', id, code ? { outcome, code } : { outcome });
  };

  /** @param {object} message */
  const tell = (message) => chrome.runtime.sendMessage({ channel: 'page', ...message });

  /** @param {string} id @param {string} request */
  const pay = async (id, request) => {
    const crowded = open.size >= MAX_OPEN;
    open.add(id);
    if (crowded) return finish(id, { outcome: 'failed', code: 'too-many-requests' });
    /** @type {any} */
    const answer = await tell({ type: 'pay', id, request }).catch(() => null);
    if (answer?.accepted) post('accepted', id);
    else finish(id, answer?.outcome ?? { outcome: 'failed', code: 'no-answer' });
  };

  addEventListener('message', (event) => {
    if (event.source !== window || event.origin !== location.origin) return;
    const message = event.data;
    const id = message?.id;
    if (message?.paycash !== 1 || typeof id !== 'string' || !id || id.length > MAX_ID) return;
    if (message.type === 'discover') {
      post('announce', id, { wallet });
    } else if (message.type === 'abort' && open.delete(id)) {
      void tell({ type: 'abort', id }).catch(() => null);
    } else if (message.type === 'pay' && message.wallet === wallet.uuid && !open.has(id)) {
      const { request } = message;
      const fits = typeof request === 'string' && request.length <= MAX_REQUEST;
      // Only a person's click opens a window, and only while the person looks at the page.
      if (fits && navigator.userActivation.isActive && !document.hidden) void pay(id, request);
    }
  });

  addEventListener('pagehide', () => {
    for (const id of open) void tell({ type: 'abort', id }).catch(() => null);
    open.clear();
  });

  chrome.runtime.onMessage.addListener((message, sender) => {
    if (sender.id !== chrome.runtime.id || sender.tab || message?.channel !== 'page') return;
    if (message.type === 'outcome') finish(message.id, message);
  });
})();
