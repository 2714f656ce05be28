// @ts-check
// Notes when the worker does what. The bench lays it beside the worker of a copy of the built extension; what it notes is
// asked for with `{ stopwatch: ACTION }`, in milliseconds since 1970, as pages have them too.
// @ts-ignore beside the worker, in the copy
import { Wallet } from './wallet-wasm/wallet_wasm.js';

/** @type {Record<string, number>} */
let notes = {};
/** @param {string} what */
const note = (what) => {
  notes[what] ??= performance.timeOrigin + performance.now();
};

// This module runs when all modules of the worker are there.
note('loaded');

const { instantiateStreaming } = WebAssembly;
WebAssembly.instantiateStreaming = async (source, imports) => {
  const module = await instantiateStreaming(source, imports);
  note('compiled');
  return module;
};

const { open } = Wallet;
/** @param {unknown[]} given */
Wallet.open = async (...given) => {
  const wallet = await open.apply(Wallet, given);
  note('opened');
  return wallet;
};

const { handleUi } = Wallet.prototype;
/** @param {string} message */
Wallet.prototype.handleUi = async function (message) {
  const { action } = JSON.parse(message);
  note(`${action} asked`);
  const answer = await handleUi.call(this, message);
  note(`${action} answered`);
  return answer;
};

const send = globalThis.fetch;
/** @param {any} request */
globalThis.fetch = async (request) => {
  if (request.method !== 'POST') return send(request);
  note('sent');
  const reply = await send(request);
  note('replied');
  return reply;
};

chrome.runtime.onMessage.addListener(({ stopwatch }, _, respond) => {
  if (stopwatch === undefined) return false;
  respond(notes);
  // The next thing is noted anew.
  notes = {};
  return false;
});
