// @ts-check
// Stops the worker at one step of one action, as a test asks for it by `chrome.storage.local`. It is added to a copy of the
// built extension (gate.rs), so that what is killed there is the very wasm that shoppers get.
// @ts-ignore beside the worker, in the copy
import { Wallet } from './wallet-wasm/wallet_wasm.js';

const known = chrome.storage.local;

/** What is being done that shall be stopped. @type {string | undefined} */
let underway;

/** Comes back, or never. @param {string} step */
async function pass(step) {
  const { stop } = /** @type {any} */ (await known.get('stop'));
  if (!underway || stop?.action !== underway || stop.step !== step) return;
  await known.remove('stop');
  await known.set({ stopped: step });
  // Goes on when the note is taken away; whoever is killed here never does.
  await new Promise((goOn) => {
    known.onChanged.addListener(({ stopped }) => {
      if (stopped && stopped.newValue === undefined) goOn(undefined);
    });
  });
}

const { handleUi } = Wallet.prototype;
/** @param {string} message */
Wallet.prototype.handleUi = async function (message) {
  const { action } = JSON.parse(message);
  const { stop } = /** @type {any} */ (await known.get('stop'));
  if (stop?.action !== action) return handleUi.call(this, message);
  underway = action;
  await pass('asked');
  const answer = await handleUi.call(this, message);
  await pass('recorded');
  return answer;
};

const send = globalThis.fetch;
/** @param {any} request */
globalThis.fetch = async (request) => {
  // The wasm itself comes from the extension.
  if (String(request.url ?? request).startsWith(chrome.runtime.getURL(''))) return send(request);
  const { silent } = await known.get('silent');
  if (silent) throw new TypeError('nobody answers');
  if (request.method !== 'POST') return send(request);
  // What is committed before a message leaves is on disk now; what its answer brings is not.
  await pass('committed');
  const answer = send(request);
  await pass('sent');
  const reply = await answer;
  await pass('answered');
  return reply;
};
