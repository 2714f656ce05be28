// @ts-check
// The first script: <pay-cash-button>. It paints at once; what checks an offer (wasm) is loaded on the first click.
// The words it exchanges with a wallet are in docs/page-channel.md.
(() => {
  "use strict";
  if (customElements.get("pay-cash-button")) return;

  const base = new URL(".", /** @type {HTMLScriptElement | null} */ (document.currentScript)?.src ?? location.href).href;
  /** How long wallets may take to announce themselves, to take a request, and a till to say "paid" (milliseconds). */
  const DISCOVERY = 300, ACCEPTANCE = 5000, CONFIRMATION = 15000;
  const MAX_OFFER = 64 * 1024;

  /** @type {Record<string, Record<string, string>>} */
  const TEXTS = {
    en: {
      pay: "Pay cash", asking: "Waiting for your wallet…", paid: "Paid.", cancelled: "Cancelled. Nothing was paid.",
      failed: "This payment did not go through. Please try again.", nowallet: "No Pay Cash wallet was found in this browser.",
      unconfirmed: "Paid, but the shop has not confirmed it yet. Do not pay again; reload this page in a moment.",
    },
    de: {
      pay: "Bar zahlen", asking: "Warten auf Ihre Geldbörse…", paid: "Bezahlt.", cancelled: "Abgebrochen. Es wurde nichts bezahlt.",
      failed: "Die Zahlung kam nicht zustande. Bitte versuchen Sie es erneut.", nowallet: "In diesem Browser wurde keine Pay-Cash-Geldbörse gefunden.",
      unconfirmed: "Bezahlt, aber vom Shop noch nicht bestätigt. Bitte nicht noch einmal zahlen; laden Sie die Seite gleich neu.",
    },
  };

  const STYLE = `
    :host { display: inline-block; font: inherit; --_bg: var(--pay-cash-background, #14532d); --_fg: var(--pay-cash-color, #fff) }
    :host([hidden]) { display: none }
    button { font: 600 1rem/1.2 system-ui, sans-serif; min-height: 44px; min-width: 44px; padding: .6em 1.4em; border: 2px solid transparent;
      border-radius: var(--pay-cash-radius, .6em); background: var(--_bg); color: var(--_fg); cursor: pointer }
    button:hover { filter: brightness(1.15) }
    button:focus-visible { outline: 3px solid var(--pay-cash-focus, #60a5fa); outline-offset: 2px }
    button[aria-busy="true"] { cursor: progress; opacity: .75 }
    button:disabled { cursor: not-allowed; opacity: .6 }
    p { margin: .4em 0 0; font: .9rem/1.4 system-ui, sans-serif; color: inherit; max-width: 40ch }
    p:empty { display: none }
    @media (prefers-color-scheme: dark) { :host { --_bg: var(--pay-cash-background, #86efac); --_fg: var(--pay-cash-color, #052e16) } }
    @media (forced-colors: active) { button { border-color: ButtonText; background: ButtonFace; color: ButtonText } }`;
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(STYLE);

  /** Loads what checks offers. Under a policy that forbids wasm it stays away, and the wallet alone checks.
   * @type {Promise<{ checkOffer(text: string, origin: string): string } | null> | undefined} */
  let checker;
  const loadChecker = () => (checker ??= import(base + "merchant_widget.js")
    .then(async (module) => (await module.default(), module))
    .catch(() => null));

  /** A fault with a stable code. */
  class Fault extends Error {
    /** @param {string} code @param {string} [detail] */
    constructor(code, detail) { super(detail ?? code); this.code = code; }
  }

  /** The value of a one-line label; used only where the checker could not be loaded.
   * @param {string} text @param {string} label */
  const field = (text, label) => new RegExp(`^${label}: (.*)$`, "m").exec(text)?.[1]?.trim() ?? "";

  /** @param {string} text */
  async function readOffer(text) {
    if (text.length > MAX_OFFER) throw new Fault("form", "the offer is too large");
    const check = await loadChecker();
    if (!check) {
      return { order: field(text, "merchant-order-id"), amount: field(text, "merchant-amount"),
        success: field(text, "url-success"), failure: field(text, "url-failure"), cancel: field(text, "url-cancel") };
    }
    const answer = JSON.parse(check.checkOffer(text, location.origin));
    if (answer.error) throw new Fault(answer.error.code, answer.error.detail);
    return answer.ok;
  }

  /** Talks to wallets about one click. */
  class Channel {
    constructor() {
      this.id = crypto.randomUUID();
      /** @type {Set<(message: any) => void>} */
      this.waiting = new Set();
      this.listener = (/** @type {MessageEvent} */ event) => {
        if (event.source !== window || event.origin !== location.origin) return;
        const message = event.data;
        if (message?.paycash === 1 && message.id === this.id) for (const resolve of [...this.waiting]) resolve(message);
      };
      addEventListener("message", this.listener);
    }
    /** @param {string} type @param {object} [fields] */
    post(type, fields) { postMessage({ paycash: 1, type, id: this.id, ...fields }, location.origin); }
    /** The next message of one of these types, or nothing after `timeout` milliseconds.
     * @param {string[]} types @param {number} [timeout] @returns {Promise<any>} */
    next(types, timeout) {
      return new Promise((resolve) => {
        const done = (/** @type {any} */ message) => {
          if (message && !types.includes(message.type)) return;
          this.waiting.delete(done);
          clearTimeout(timer);
          resolve(message);
        };
        const timer = timeout === undefined ? undefined : setTimeout(done, timeout);
        this.waiting.add(done);
      });
    }
    close() { removeEventListener("message", this.listener); }
  }

  class PayCashButton extends HTMLElement {
    #button = document.createElement("button");
    #status = document.createElement("p");
    #slot = document.createElement("slot");
    #busy = false;

    constructor() {
      super();
      const root = this.attachShadow({ mode: "open", delegatesFocus: true });
      root.adoptedStyleSheets = [sheet];
      this.#button.type = "button";
      this.#button.setAttribute("part", "button");
      this.#status.setAttribute("role", "status");
      this.#status.setAttribute("part", "status");
      this.#slot.hidden = true;
      this.#button.addEventListener("click", (event) => { if (event.isTrusted) void this.#click(); });
      root.append(this.#button, this.#status, this.#slot);
    }

    static get observedAttributes() { return ["disabled"]; }
    attributeChangedCallback() { this.#button.disabled = this.hasAttribute("disabled"); }
    connectedCallback() { this.#button.textContent = this.#text("pay"); }

    /** @param {string} key */
    #text(key) {
      const language = (this.closest("[lang]")?.getAttribute("lang") || navigator.language || "en").slice(0, 2).toLowerCase();
      return (TEXTS[language] ?? TEXTS.en)[key] ?? TEXTS.en[key];
    }

    /** @param {string} name @param {object} detail @param {boolean} [cancelable] */
    #fire(name, detail, cancelable = true) {
      return this.dispatchEvent(new CustomEvent(`paycash:${name}`, { bubbles: true, composed: true, cancelable, detail }));
    }

    /** A second click while one is on its way is the same click. */
    async #click() {
      if (this.#busy || !this.#fire("click", {})) return;
      this.#busy = true;
      this.#button.setAttribute("aria-busy", "true");
      this.#status.textContent = this.#text("asking");
      const channel = new Channel();
      try {
        await this.#pay(channel);
      } catch (fault) {
        this.#failed(fault instanceof Fault ? fault : new Fault("internal", String(fault)));
      } finally {
        channel.close();
        this.#busy = false;
        this.#button.removeAttribute("aria-busy");
      }
    }

    /** @param {Channel} channel */
    async #pay(channel) {
      const announced = channel.next(["announce"], DISCOVERY);
      channel.post("discover");
      const text = await this.#fetchOffer();
      const offer = await readOffer(text);
      const wallet = (await announced)?.wallet;
      if (!wallet) return this.#nowallet();
      this.#fire("request", { order: offer.order }, false);
      const outcome = channel.next(["outcome"]);
      const accepted = channel.next(["accepted", "outcome"], ACCEPTANCE);
      channel.post("pay", { wallet: wallet.uuid, request: text });
      if (!(await accepted)) throw new Fault("no-answer");
      await this.#end(await outcome, offer);
    }

    async #fetchOffer() {
      const source = this.getAttribute("request-src");
      if (!source) return this.getAttribute("request") ?? "";
      const reply = await fetch(source, { headers: { accept: "application/cybercash" }, cache: "no-store" }).catch(() => null);
      if (!reply?.ok) throw new Fault("no-offer", `the shop answered ${reply?.status ?? "nothing"}`);
      return reply.text();
    }

    #nowallet() {
      this.#status.textContent = this.#text("nowallet");
      if (this.#fire("nowallet", {})) this.#slot.hidden = false;
    }

    /** @param {any} message @param {{ order: string, success: string, failure: string, cancel: string }} offer */
    async #end(message, offer) {
      if (message.outcome === "cancelled") {
        this.#status.textContent = this.#text("cancelled");
        this.#follow(this.#fire("cancelled", { order: offer.order }), offer.cancel);
      } else if (message.outcome !== "paid") {
        this.#failed(new Fault(String(message.code ?? "failed")), offer);
      } else if (await this.#confirmed()) {
        this.#status.textContent = this.#text("paid");
        this.#follow(this.#fire("paid", { order: offer.order }), offer.success);
      } else {
        this.#failed(new Fault("unconfirmed"));
      }
    }

    /** Asks the till itself: the wallet's word is a hint. */
    async #confirmed() {
      const source = this.getAttribute("request-src") ?? "";
      const status = this.getAttribute("status-src") ?? source.replace(/\/payment-request(?=$|[?#])/, "/status");
      for (const end = Date.now() + CONFIRMATION; Date.now() < end; await new Promise((wake) => setTimeout(wake, 250))) {
        const reply = await fetch(status, { cache: "no-store" }).then((reply) => (reply.ok ? reply.json() : null), () => null);
        if (reply?.status === "paid") return true;
      }
      return false;
    }

    /** @param {Fault} fault @param {{ failure: string }} [offer] */
    #failed(fault, offer) {
      this.#status.textContent = this.#text(fault.code === "unconfirmed" ? "unconfirmed" : "failed");
      this.#follow(this.#fire("failed", { code: fault.code, detail: fault.message }), offer?.failure);
    }

    /** @param {boolean} go @param {string} [url] */
    #follow(go, url) {
      if (go && url && new URL(url, location.href).origin === location.origin) location.assign(url);
    }
  }

  customElements.define("pay-cash-button", PayCashButton);
})();
