// @ts-check
// Loads the module that draws this page. All pages share it; it reads which one it is from the body.
import init from './wallet-ui/wallet_ui.js';

// A worker that sleeps wakes up while the module is loaded.
void chrome.runtime.sendMessage({}).catch(() => null);

init().catch((/** @type {unknown} */ reason) => {
  console.error(reason);
  const frame = document.getElementById('frame');
  if (!frame) return;
  frame.removeAttribute('aria-busy');
  frame.setAttribute('role', 'alert');
  frame.textContent = chrome.i18n.getMessage('page_failed');
});
