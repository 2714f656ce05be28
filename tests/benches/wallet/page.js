// @ts-check
// Notes in a page of the extension what `worker.js` notes in the worker. Evaluated before any script of the page.
(() => {
  const runtime = globalThis.chrome?.runtime;
  // No page of an extension.
  if (!runtime) return;

  /** @type {Record<string, number>} */
  const notes = {};
  /** @param {string} what */
  const note = (what) => {
    notes[what] ??= performance.timeOrigin + performance.now();
  };
  /** @type {any} */ (globalThis).notes = notes;
  notes.navigated = performance.timeOrigin;

  // The first thing that the script of a page does is to fetch its module.
  const { fetch } = globalThis;
  globalThis.fetch = (...asked) => {
    note('script');
    return fetch(...asked);
  };

  const { instantiateStreaming } = WebAssembly;
  WebAssembly.instantiateStreaming = async (source, imports) => {
    const module = await instantiateStreaming(source, imports);
    note('compiled');
    return module;
  };

  const send = /** @type {any} */ (runtime.sendMessage);
  /** @type {any} */ (runtime).sendMessage = (/** @type {any} */ message) => {
    const answer = send.call(runtime, message);
    // What only wakes the worker asks for nothing.
    if (message.action) {
      note('asked');
      answer.then(() => note('answered'));
    }
    return answer;
  };

  addEventListener(
    'click',
    ({ target }) => {
      if (target instanceof Element && target.closest('[data-testid=pay]')) note('clicked');
    },
    { capture: true },
  );

  /** @param {string} name */
  const drawn = (name) => document.querySelector(`[data-testid=${name}]`)?.textContent;
  new MutationObserver(() => {
    if (drawn('balance')) note('usable');
    if (drawn('paid-left')) note('receipt');
  }).observe(document, { childList: true, subtree: true, characterData: true });
})();
