// @ts-check
// The first script: <pay-cash-button> and PayCash.pay(). It paints at once; what checks an offer (wasm) is loaded on the
// first click. The words it exchanges with a wallet are in docs/page-channel.md, what a shop may rely on in pay-cash-types.d.ts.
(() => {
  "use strict";
  const TAG = "pay-cash-button";
  if (customElements.get(TAG)) return;

  /** The name of this file carries it; the build takes it from here. */
  const VERSION = "0.1.0";
  // A module has no current script; then the tag that names this file tells where we are.
  const script = /** @type {HTMLScriptElement | null} */ (document.currentScript ?? document.querySelector('script[src*="pay-cash"]'));
  const base = new URL(".", script?.src || location.href).href;
  /** How long wallets may take to announce themselves, to take a request, and a till to say "paid" (milliseconds). */
  const DISCOVERY = 300, ACCEPTANCE = 5000, CONFIRMATION = 15000;
  /** How long a page waits for another device to pay, and how often it asks (milliseconds). */
  const ELSEWHERE = 600000, FIRST_LOOK = 250, LAST_LOOK = 2000;
  const MAX_OFFER = 64 * 1024;

  /** One line a language: labels by their keys, then what became of a payment. @type {Record<string, Record<string, string>>} */
  const TEXTS = {
    en: {
      pay: "Pay cash", buy: "Buy with cash", checkout: "Check out with cash", donate: "Donate cash", plain: "Pay Cash",
      asking: "Waiting for your wallet…", paid: "Paid.", cancelled: "Cancelled. Nothing was paid.",
      failed: "The payment did not go through. Nothing was paid. Please try again.",
      offer: "Something is wrong with this shop's offer, so nothing was paid. Please tell the shop.",
      shop: "The shop does not answer. Nothing was paid. Please try again.",
      busy: "Another payment is waiting in your wallet. Finish it first.",
      setup: "Your wallet is not ready yet. Nothing was paid. Open it, then try again.",
      again: "This order is paid already. You were not charged again.",
      nowallet: "There is no Pay Cash wallet in this browser. Nothing was paid.",
      link: "Pay on another device", qr: "Code with the address of the payment page",
      unconfirmed: "Your wallet has sent the payment, but the shop has not confirmed it yet. Do not pay again; reload this page in a moment.",
    },
    de: {
      pay: "Bar zahlen", buy: "Bar kaufen", checkout: "Bar zur Kasse", donate: "Bar spenden", plain: "Pay Cash",
      asking: "Warten auf Ihre Geldbörse…", paid: "Bezahlt.", cancelled: "Abgebrochen. Es wurde nichts bezahlt.",
      failed: "Die Zahlung kam nicht zustande. Es wurde nichts bezahlt. Bitte versuchen Sie es erneut.",
      offer: "Das Angebot dieses Shops ist fehlerhaft, deshalb wurde nichts bezahlt. Bitte sagen Sie es dem Shop.",
      shop: "Der Shop antwortet nicht. Es wurde nichts bezahlt. Bitte versuchen Sie es erneut.",
      busy: "In Ihrer Geldbörse wartet noch eine Zahlung. Beenden Sie diese zuerst.",
      setup: "Ihre Geldbörse ist noch nicht bereit. Es wurde nichts bezahlt. Öffnen Sie sie und versuchen Sie es erneut.",
      again: "Diese Bestellung ist schon bezahlt. Es wurde nicht noch einmal gezahlt.",
      nowallet: "In diesem Browser gibt es keine Pay-Cash-Geldbörse. Es wurde nichts bezahlt.",
      link: "Auf einem anderen Gerät zahlen", qr: "Code mit der Adresse der Zahlungsseite",
      unconfirmed: "Ihre Geldbörse hat die Zahlung abgeschickt, aber der Shop hat sie noch nicht bestätigt. Bitte nicht noch einmal zahlen; laden Sie die Seite gleich neu.",
    },
  };

  /** What became of a payment, by its code: the name of the exception, and the text if not `failed`. @type {Record<string, [string, string?]>} */
  const FAULTS = {
    aborted: ["AbortError", "cancelled"], cancelled: ["AbortError", "cancelled"], nowallet: ["NotSupportedError", "nowallet"],
    form: ["DataError", "offer"], price: ["DataError", "offer"], origin: ["SecurityError", "offer"], gesture: ["SecurityError"],
    "no-offer": ["NetworkError", "shop"], "no-answer": ["TimeoutError"], unconfirmed: ["TimeoutError", "unconfirmed"],
    "too-many-requests": ["InvalidStateError", "busy"], "already-paid": ["InvalidStateError", "again"],
    "not-registered": ["InvalidStateError", "setup"], locked: ["InvalidStateError", "setup"],
  };

  const DARK = "--_bg: var(--pay-cash-background, #86efac); --_fg: var(--pay-cash-color, #052e16)";
  const LIGHT = "--_bg: var(--pay-cash-background, #14532d); --_fg: var(--pay-cash-color, #fff)";
  const STYLE = `
    :host { display: inline-block; max-width: 100%; vertical-align: top; ${LIGHT} }
    :host([hidden]), [hidden] { display: none }
    :host([size-mode="fill"]) { display: block }
    button { font: 600 1rem/1.25 var(--pay-cash-font, system-ui, sans-serif); min-height: var(--pay-cash-height, 48px); min-width: 48px;
      max-width: 100%; padding: .5em 1.5em; border: 2px solid transparent; border-radius: var(--pay-cash-radius, .625rem);
      background: var(--_bg); color: var(--_fg); cursor: pointer; display: inline-flex; gap: .65em; align-items: center; justify-content: center;
      letter-spacing: .01em; transition: filter .12s }
    :host([size-mode="fill"]) button { width: 100% }
    :host([variant="outline"]) button { background: transparent; border-color: currentColor; color: var(--pay-cash-color, var(--_bg)) }
    button:hover { filter: brightness(1.12) }
    button:active { filter: brightness(.92) }
    button:focus-visible, a:focus-visible { outline: 3px solid var(--pay-cash-focus, #3b82f6); outline-offset: 3px }
    button:disabled { cursor: not-allowed; opacity: .6; filter: none }
    button[aria-busy="true"] { cursor: progress }
    svg { flex: none; width: 1.6em; height: 1.05em; fill: currentColor }
    [aria-busy="true"] svg { animation: wait 1s ease-in-out infinite alternate }
    @keyframes wait { to { opacity: .25 } }
    p, a { margin: .6em 0 0; font: .9375rem/1.45 var(--pay-cash-font, system-ui, sans-serif); color: inherit; max-width: 42ch }
    p:empty { display: none }
    a { display: inline-block; padding: .6em 0; min-height: 24px }
    img { display: block; width: 11rem; max-width: 100%; margin-top: .6em; background: #fff; border-radius: .5rem }
    @media (prefers-color-scheme: dark) { :host(:not([theme="light"])) { ${DARK} } }
    :host([theme="dark"]) { ${DARK} }
    @media (prefers-reduced-motion: reduce) { button, [aria-busy="true"] svg { transition: none; animation: none } }
    @media (forced-colors: active) { button, :host([variant="outline"]) button { border-color: ButtonText; background: ButtonFace; color: ButtonText }
      button:disabled { opacity: 1; border-color: GrayText; color: GrayText } }`;
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(STYLE);
  /** A banknote. */
  const NOTE = "M2 0h20a2 2 0 0 1 2 2v12a2 2 0 0 1-2 2H2a2 2 0 0 1-2-2V2a2 2 0 0 1 2-2zm10 4a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM4.500 6.500a1.500 1.500 0 1 0 0 3 1.500 1.500 0 0 0 0-3zm15 0a1.500 1.500 0 1 0 0 3 1.500 1.500 0 0 0 0-3z";

  /** @typedef {{ merchant: string, order: string, amount: string, payTo: string, success: string, failure: string, cancel: string }} Offer */
  /** @typedef {{ request?: string | null, requestSrc?: string | null, statusSrc?: string | null, amount?: string | null, currency?: string | null, signal?: AbortSignal }} Wish */
  /** @typedef {(name: "offer" | "request" | "approved", offer: Offer) => void} Tell */

  /** Loads what checks offers. Under a policy that forbids wasm it stays away, and the wallet alone checks.
   * @type {Promise<{ checkOffer(text: string, origin: string): string } | null> | undefined} */
  let checker;
  const loadChecker = () => (checker ??= script?.dataset.check === "off" ? Promise.resolve(null)
    : import(base + "merchant_widget.js").then(async (module) => (await module.default(), module)).catch(() => null));

  /** A fault with a stable code. */
  class Fault extends Error {
    /** @param {string} code @param {string} [detail] */
    constructor(code, detail) { super(detail ?? code); this.code = code; }
    get name() { return FAULTS[this.code]?.[0] ?? "OperationError"; }
    get text() { return FAULTS[this.code]?.[1] ?? "failed"; }
  }

  /** The value of a one-line label; used only where the checker could not be loaded.
   * @param {string} text @param {string} label */
  const field = (text, label) => new RegExp(`^${label}: (.*)$`, "m").exec(text)?.[1]?.trim() ?? "";

  /** Whether an address is of this page's origin. @param {string} url */
  const isOurs = (url) => URL.canParse(url) && new URL(url).origin === location.origin;

  /** @param {string} text @returns {Promise<Offer>} */
  async function readOffer(text) {
    if (!text || text.length > MAX_OFFER) throw new Fault("form", "the offer is empty or too large");
    const check = await loadChecker();
    if (!check) {
      const offer = { merchant: field(text, "merchant-id"), order: field(text, "merchant-order-id"), amount: field(text, "merchant-amount"),
        payTo: field(text, "url-pay-to"), success: field(text, "url-success"), failure: field(text, "url-failure"), cancel: field(text, "url-cancel") };
      if ([offer.payTo, offer.success, offer.failure, offer.cancel].every(isOurs)) return offer;
      throw new Fault("origin", `the offer's addresses are not all of ${location.origin}`);
    }
    const answer = JSON.parse(check.checkOffer(text, location.origin));
    if (answer.error) throw new Fault(answer.error.code, answer.error.detail);
    return answer.ok;
  }

  /** A decimal without what does not count: `42.50` and `42.5` are one price. @param {string} decimal */
  const plain = (decimal) => (decimal.includes(".") ? decimal.replace(/\.?0+$/, "") : decimal);

  /** What the label says must be what was signed. @param {Offer} offer @param {Wish} wish */
  function checkPrice(offer, { amount, currency }) {
    const [signedCurrency = "", signed = ""] = offer.amount.split(" ");
    const same = (!amount || plain(amount) === plain(signed)) && (!currency || currency.toLowerCase() === signedCurrency);
    if (!same) throw new Fault("price", `the label says ${currency} ${amount}, the signed price is ${offer.amount}`);
  }

  /** Talks to wallets about one payment, until `signal` says stop. */
  class Channel {
    /** @param {AbortSignal} signal */
    constructor(signal) {
      this.id = crypto.randomUUID();
      this.signal = signal;
      this.asked = false;
      this.end = new AbortController();
    }
    /** @param {string} type @param {object} [fields] */
    post(type, fields) { postMessage({ paycash: 1, type, id: this.id, ...fields }, location.origin); }
    /** The next message of one of these types, or nothing after `timeout` milliseconds.
     * @param {string[]} types @param {number} [timeout] @returns {Promise<any>} */
    next(types, timeout) {
      return new Promise((resolve) => {
        const stop = AbortSignal.any([this.end.signal, ...(timeout ? [AbortSignal.timeout(timeout)] : [])]);
        stop.addEventListener("abort", () => resolve(undefined));
        addEventListener("message", ({ source, origin, data }) => {
          if (source !== window || origin !== location.origin || data?.paycash !== 1 || data.id !== this.id) return;
          if (types.includes(data.type)) resolve(data);
        }, { signal: stop });
      });
    }
    /** Ends it; a wallet that was asked is told so. @param {boolean} told */
    close(told) {
      if (this.asked && told) this.post("abort");
      this.end.abort();
    }
  }

  /** @param {number} time @param {AbortSignal} signal */
  const pause = (time, signal) => new Promise((wake) => {
    setTimeout(wake, signal.aborted ? 0 : time);
    signal.addEventListener("abort", wake, { once: true });
  });

  /** Asks the till itself until it says paid: the wallet's word is a hint. Its stream of news is the quickest; until something
   * comes by it, as where a proxy holds it back or a shop has none, the status is asked for now and then.
   * @param {string} url @param {number} patience @param {AbortSignal} signal */
  async function isPaid(url, patience, signal) {
    const stop = new AbortController(), over = AbortSignal.any([signal, stop.signal, AbortSignal.timeout(patience)]);
    const at = url.replace(/\/status(?=$|[?#])/, "/events"), news = at === url ? null : new EventSource(at);
    let paid = false, live = false;
    /** @param {{ status?: string } | null} order */
    const told = (order) => {
      paid ||= order?.status === "paid";
      if (paid) stop.abort();
    };
    news?.addEventListener("status", ({ data }) => { live = true; told(JSON.parse(data)); });
    news?.addEventListener("error", () => { live = false; news.close(); });
    for (let wait = FIRST_LOOK; !over.aborted; wait = Math.min(wait * 2, LAST_LOOK)) {
      if (!live) told(await fetch(url, { cache: "no-store", signal: over }).then((reply) => (reply.ok ? reply.json() : null)).catch(() => null));
      await pause(wait, over);
    }
    news?.close();
    return paid;
  }

  /** Where the till tells an order's status, if the shop said so. @param {Wish} wish */
  const statusOf = ({ requestSrc, statusSrc }) => statusSrc || requestSrc?.replace(/\/payment-request(?=$|[?#])/, "/status");

  /** @param {Wish} wish @param {AbortSignal} signal */
  async function fetchOffer({ request, requestSrc }, signal) {
    if (request || !requestSrc) return request ?? "";
    const reply = await fetch(requestSrc, { headers: { accept: "application/cybercash" }, cache: "no-store", signal }).catch(() => null);
    if (!reply?.ok) throw new Fault("no-offer", `the shop answered ${reply?.status ?? "nothing"}`);
    return reply.text();
  }

  /** Whether a payment is under way; a page has one at a time, as a wallet takes one a shop. */
  let busy = false;

  /** One payment, from the offer to the till's word.
   * @param {Wish} wish @param {AbortSignal} signal @param {Tell} tell @returns {Promise<{ offer: Offer, confirmed: boolean }>} */
  async function settle(wish, signal, tell) {
    if (busy) throw new Fault("too-many-requests");
    busy = true;
    const channel = new Channel(signal);
    let over = false;
    /** @type {Promise<never>} */
    const aborted = new Promise((_, reject) => {
      const abort = () => reject(new Fault("aborted"));
      if (signal.aborted) abort();
      signal.addEventListener("abort", abort, { once: true });
    });
    try {
      return await Promise.race([aborted, converse(channel, wish, tell).finally(() => (over = true))]);
    } finally {
      busy = false;
      channel.close(!over);
    }
  }

  /** @param {Channel} channel @param {Wish} wish @param {Tell} tell */
  async function converse(channel, wish, tell) {
    const announced = channel.next(["announce"], DISCOVERY);
    channel.post("discover");
    const text = await fetchOffer(wish, channel.signal);
    const offer = await readOffer(text);
    tell("offer", offer);
    checkPrice(offer, wish);
    const wallet = (await announced)?.wallet;
    if (!wallet) throw new Fault("nowallet");
    channel.signal.throwIfAborted();
    tell("request", offer);
    const ended = channel.next(["outcome"]), accepted = channel.next(["accepted", "outcome"], ACCEPTANCE);
    channel.asked = true;
    channel.post("pay", { wallet: wallet.uuid, request: text });
    if (!(await accepted)) throw new Fault("no-answer", "the wallet did not take the request");
    const { outcome, code } = (await ended) ?? {};
    // A wallet without an answer has sent the payment: the till knows what became of it.
    const open = code === "no-answer";
    if (outcome !== "paid" && !open) throw new Fault(outcome === "cancelled" ? outcome : String(code ?? "failed"));
    if (!open) tell("approved", offer);
    const status = statusOf(wish);
    // Where the shop did not say whom to ask, its page for paid orders does.
    if (status ? !(await isPaid(status, CONFIRMATION, channel.signal)) : open) throw new Fault("unconfirmed");
    return { offer, confirmed: !!status };
  }

  /** What a shop keeps of a payment. @param {{ offer: Offer, confirmed: boolean }} end */
  function receipt({ offer: { merchant, order, amount }, confirmed }) {
    const [currency = "", value = ""] = amount.split(" ");
    return { merchant, order, amount: { currency: currency.toUpperCase(), value }, confirmed };
  }

  /** Pays without a button of ours. @param {Wish} wish */
  async function pay({ signal = new AbortController().signal, ...wish }) {
    try {
      if (navigator.userActivation?.isActive === false) throw new Fault("gesture", "pay() needs a click of the shopper");
      return receipt(await settle(wish, signal, () => {}));
    } catch (reason) {
      const fault = reason instanceof Fault ? reason : new Fault("internal", String(reason));
      throw Object.assign(new DOMException(fault.message, fault.name), { problem: fault.code });
    }
  }

  const ATTRIBUTES = ["request", "request-src", "status-src", "amount", "currency", "reference", "label", "locale", "theme", "variant",
    "size-mode", "fallback", "disabled"];
  /** @param {string} name */
  const camel = (name) => name.replace(/-(.)/g, (_, letter) => letter.toUpperCase());

  class PayCashButton extends HTMLElement {
    #button = document.createElement("button");
    #label = document.createElement("span");
    #status = document.createElement("p");
    #slot = document.createElement("slot");
    #else = document.createElement("div");
    /** @type {AbortController | undefined} */
    #running;
    /** @type {AbortController | undefined} */
    #watching;
    #paid = false;
    #says = "";

    constructor() {
      super();
      const root = this.attachShadow({ mode: "open", delegatesFocus: true });
      root.adoptedStyleSheets = [sheet];
      this.#button.type = "button";
      this.#button.part.add("button");
      this.#status.part.add("status");
      this.#status.setAttribute("role", "status");
      this.#slot.hidden = true;
      this.#button.append(icon(), this.#label);
      this.#button.addEventListener("click", (event) => { if (event.isTrusted) void this.#click(); });
      root.append(this.#button, this.#status, this.#slot, this.#else);
    }

    static get observedAttributes() { return [...ATTRIBUTES, "lang"]; }

    /** @param {string} name @param {string | null} before @param {string | null} now */
    attributeChangedCallback(name, before, now) {
      // Another order: what was said of the last one is over.
      if (name.startsWith("request") && before !== null && before !== now) this.#reset();
      this.#paint();
    }

    connectedCallback() {
      // Properties that were set before this script had come hide the accessors.
      for (const name of ATTRIBUTES.map(camel)) {
        if (!Object.hasOwn(this, name)) continue;
        const own = /** @type {any} */ (this), value = own[name];
        delete own[name];
        own[name] = value;
      }
      addEventListener("pagehide", this.#hidden);
      this.#paint();
    }

    /** Taken out of the page for good, as when an application shows another route; moving it about is nothing. */
    disconnectedCallback() {
      queueMicrotask(() => {
        if (this.isConnected) return;
        removeEventListener("pagehide", this.#hidden);
        this.#reset();
      });
    }

    /** The page may come back out of the browser's memory: then as if nobody had clicked. */
    #hidden = () => { if (!this.#paid) this.#reset(); };

    #reset() {
      this.#running?.abort();
      this.#running = undefined;
      this.#paid = false;
      this.#offerElsewhere();
      this.#say("");
    }

    get #locale() {
      return this.getAttribute("locale") || this.closest("[lang]")?.getAttribute("lang") || navigator.language || "en";
    }

    /** @param {string} key */
    #text(key) { return (TEXTS[this.#locale.slice(0, 2).toLowerCase()] ?? TEXTS.en)[key] ?? ""; }

    /** @param {string} key */
    #say(key) {
      this.#says = key;
      this.#paint();
    }

    /** Label, status and states, from attributes and what happened. */
    #paint() {
      const waiting = this.#says === "asking";
      const key = this.getAttribute("label") ?? "pay";
      const label = this.#text(["buy", "checkout", "donate", "plain"].includes(key) ? key : "pay");
      const price = this.#price();
      this.#label.textContent = price ? `${label} · ${price}` : label;
      this.#status.textContent = this.#text(this.#says);
      this.#status.lang = this.#text("pay") === TEXTS.de.pay ? "de" : "en";
      this.#button.lang = this.#status.lang;
      this.#button.disabled = this.#paid || this.hasAttribute("disabled");
      this.#button.ariaBusy = waiting ? "true" : null;
    }

    #price() {
      const amount = this.getAttribute("amount"), currency = this.getAttribute("currency");
      if (!amount || !currency) return amount ?? "";
      try {
        // As a string the decimal is never rounded to a binary fraction.
        return new Intl.NumberFormat(this.#locale, { style: "currency", currency, currencyDisplay: "narrowSymbol" })
          .format(/** @type {any} */ (amount));
      } catch { return `${amount} ${currency}`; }
    }

    /** @param {string} name @param {object} [detail] @param {boolean} [cancelable] */
    #fire(name, detail, cancelable = true) {
      const reference = this.getAttribute("reference");
      detail = reference ? { reference, ...detail } : { ...detail };
      return this.dispatchEvent(new CustomEvent(`paycash:${name}`, { bubbles: true, composed: true, cancelable, detail }));
    }

    /** A second click while one is on its way is the same click. */
    async #click() {
      if (this.#running || !this.#fire("click")) return;
      const running = this.#running = new AbortController();
      /** @type {Offer | undefined} */
      let offer;
      this.#offerElsewhere();
      this.#say("asking");
      const wish = this.#wish();
      try {
        const end = await settle(wish, running.signal, (step, found) => {
          offer = found;
          if (step !== "offer") this.#fire(step, { order: found.order }, false);
        });
        this.#end(end);
      } catch (reason) {
        const fault = reason instanceof Fault ? reason : new Fault("internal", String(reason));
        if (this.#running !== running) this.#fire("cancelled", { order: offer?.order, code: "aborted" });
        else this.#failed(fault, wish, offer);
      } finally {
        if (this.#running === running) this.#running = undefined;
      }
    }

    /** @returns {Wish} */
    #wish() { return Object.fromEntries(ATTRIBUTES.map((name) => [camel(name), this.getAttribute(name)])); }

    /** @param {{ offer: Offer, confirmed: boolean }} end */
    #end(end) {
      this.#paid = true;
      this.#offerElsewhere();
      this.#say("paid");
      this.#follow(!end.confirmed || this.#fire("paid", receipt(end)), end.offer.success);
    }

    /** @param {Fault} fault @param {Wish} wish @param {Offer} [offer] */
    #failed(fault, wish, offer) {
      this.#say(fault.text);
      const { code } = fault, detail = { order: offer?.order, code, name: fault.name, detail: fault.message };
      if (code === "cancelled") this.#follow(this.#fire(code, detail), offer?.cancel);
      else if (code !== "nowallet") this.#follow(this.#fire("failed", detail) && fault.text === "failed", offer?.failure);
      else if (this.#fire(code, detail) && offer) void this.#elsewhere(wish, offer);
    }

    /** No wallet here: shows the way to the payment page, and notices when the order was paid there.
     * @param {Wish} wish @param {Offer} offer */
    async #elsewhere(wish, offer) {
      this.#offerElsewhere(offer.payTo);
      const status = statusOf(wish), { signal } = this.#watching = new AbortController();
      if (status && (await isPaid(status, ELSEWHERE, signal)) && !signal.aborted) this.#end({ offer, confirmed: true });
    }

    /** The shop's own words and, as it wishes, link or code; nothing without an address. @param {string} [address] */
    #offerElsewhere(address) {
      this.#watching?.abort();
      const kind = this.getAttribute("fallback") ?? "link", shown = [];
      this.#slot.hidden = !address || kind === "none";
      if (address && kind === "qr") {
        const picture = document.createElement("img");
        picture.part.add("qr");
        picture.alt = this.#text("qr");
        picture.src = address + (address.includes("?") ? "&qr" : "?qr");
        shown.push(picture);
      }
      if (address && kind !== "none") {
        const link = document.createElement("a");
        link.part.add("link");
        link.textContent = this.#text("link");
        link.href = address;
        shown.push(link);
      }
      this.#else.replaceChildren(...shown);
    }

    /** @param {boolean} go @param {string} [url] */
    #follow(go, url) {
      if (go && url && isOurs(url)) location.assign(url);
    }
  }

  function icon() {
    const space = "http://www.w3.org/2000/svg", picture = document.createElementNS(space, "svg"), path = document.createElementNS(space, "path");
    picture.setAttribute("viewBox", "0 0 24 16");
    picture.setAttribute("aria-hidden", "true");
    path.setAttribute("fill-rule", "evenodd");
    path.setAttribute("d", NOTE);
    picture.append(path);
    return picture;
  }

  for (const name of ATTRIBUTES) {
    const isFlag = name === "disabled";
    Object.defineProperty(PayCashButton.prototype, camel(name), {
      enumerable: true,
      configurable: true,
      /** @this {HTMLElement} */
      get() { return isFlag ? this.hasAttribute(name) : this.getAttribute(name) ?? ""; },
      /** @this {HTMLElement} @param {any} value */
      set(value) {
        if (isFlag) this.toggleAttribute(name, !!value);
        else if (value == null) this.removeAttribute(name);
        else this.setAttribute(name, value);
      },
    });
  }

  Object.assign(window, { PayCash: Object.freeze({ version: VERSION, pay }) });
  customElements.define(TAG, PayCashButton);
})();
