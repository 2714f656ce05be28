/** Types of `pay-cash.js`: what a shop may rely on. Reference them with `/// <reference path="pay-cash-types.d.ts" />`. */

/** What became of a payment: a problem code of the protocol (docs/protocol.md), or one of the page's own. */
type PayCashCode =
  | "aborted" | "already-paid" | "cancelled" | "form" | "gesture" | "internal" | "locked" | "no-answer" | "no-offer" | "not-registered"
  | "nowallet" | "origin" | "price" | "too-many-requests" | "unconfirmed"
  | (string & {});

/** What a shop keeps of a payment. */
interface PayCashReceipt {
  /** The merchant's persona id. */
  readonly merchant: string;
  /** The till's order id. */
  readonly order: string;
  /** The signed price: currency by ISO 4217 and a decimal, which is a string as money is no float. */
  readonly amount: { readonly currency: string; readonly value: string };
  /** Whether the till has said so; without `requestSrc` or `statusSrc` nobody could be asked, and the wallet's word is a hint. */
  readonly confirmed: boolean;
}

/** What to pay: an offer as text, or where to get it. */
type PayCashRequest = ({ request: string; requestSrc?: never } | { requestSrc: string; request?: never }) & {
  /** Where the till tells the order's status; by default beside `requestSrc`. */
  statusSrc?: string;
  /** The price that the page shows; a signed price that differs is an error. */
  amount?: string;
  /** ISO 4217. */
  currency?: string;
  /** Takes the request back. */
  signal?: AbortSignal;
};

/** Names as in the Payment Request API, and of the web's other APIs where that has none. */
type PayCashErrorName =
  | "AbortError" | "DataError" | "InvalidStateError" | "NetworkError" | "NotSupportedError" | "OperationError" | "SecurityError"
  | "TimeoutError";

/** How `PayCash.pay` ends where nothing was paid; only `unconfirmed` leaves that open. */
interface PayCashError extends DOMException {
  readonly name: PayCashErrorName;
  readonly problem: PayCashCode;
}

/** Every event carries the element's `reference`, if it has one. */
interface PayCashEventMap {
  /** Before anything happens; prevent it to do nothing, or set `request` now. */
  "paycash:click": CustomEvent<{ reference?: string }>;
  /** The wallet is asked. Not cancelable. */
  "paycash:request": CustomEvent<{ reference?: string; order: string }>;
  /** The wallet says that it has paid: a hint, no proof. Not cancelable. */
  "paycash:approved": CustomEvent<{ reference?: string; order: string }>;
  /** The till says that the order is paid. Prevent it to stay on the page. */
  "paycash:paid": CustomEvent<{ reference?: string } & PayCashReceipt>;
  /** The shopper said no, or the element was taken away. Prevent it to stay on the page. */
  "paycash:cancelled": CustomEvent<{ reference?: string; order?: string; code: PayCashCode }>;
  /** Something went wrong. Prevent it to stay on the page. */
  "paycash:failed": CustomEvent<{ reference?: string; order?: string; code: PayCashCode; name: PayCashErrorName; detail: string }>;
  /** There is no wallet. Prevent it to keep fallback and link hidden. */
  "paycash:nowallet": CustomEvent<{ reference?: string; order?: string; code: PayCashCode }>;
}

/** `<pay-cash-button>`. Each property is the attribute of that name (`requestSrc` is `request-src`). */
interface PayCashButton extends HTMLElement {
  request: string;
  requestSrc: string;
  statusSrc: string;
  amount: string;
  currency: string;
  reference: string;
  label: "pay" | "buy" | "checkout" | "donate" | "plain" | "";
  locale: string;
  theme: "auto" | "light" | "dark" | "";
  variant: "solid" | "outline" | "";
  sizeMode: "static" | "fill" | "";
  fallback: "link" | "qr" | "none" | "";
  disabled: boolean;
  addEventListener<K extends keyof PayCashEventMap>(
    type: K, listener: (this: PayCashButton, event: PayCashEventMap[K]) => unknown, options?: boolean | AddEventListenerOptions): void;
  addEventListener<K extends keyof HTMLElementEventMap>(
    type: K, listener: (this: PayCashButton, event: HTMLElementEventMap[K]) => unknown, options?: boolean | AddEventListenerOptions): void;
}

interface HTMLElementTagNameMap {
  "pay-cash-button": PayCashButton;
}

interface DocumentEventMap extends PayCashEventMap {}

interface Window {
  readonly PayCash: typeof PayCash;
}

declare const PayCash: {
  /** The version of the script. */
  readonly version: string;
  /** Pays; to be called in the handler of a click. Rejects with a {@link PayCashError}. */
  pay(request: PayCashRequest): Promise<PayCashReceipt>;
};
