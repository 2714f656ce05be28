// @ts-check
// The payment page notices by itself when the order was paid on another device, or is over.
const OVER = ["paid", "cancelled", "expired"];
/** How often the page asks where it gets no stream of news (milliseconds). */
const ASK_EVERY = 5000;

/** While the button pays here, it is the button that goes on. */
const pays = () => !!document.querySelector("pay-cash-button")?.shadowRoot?.querySelector("[aria-busy]");

/** @param {{ status: string }} order */
const told = ({ status }) => { if (OVER.includes(status) && !pays()) location.reload(); };

const ask = () => fetch("status", { cache: "no-store" }).then((reply) => reply.json()).then(told, () => {});

if (document.querySelector("pay-cash-button")) {
  const news = new EventSource("events");
  news.addEventListener("status", ({ data }) => told(JSON.parse(data)));
  news.addEventListener("error", () => {
    news.close();
    setInterval(ask, ASK_EVERY);
  }, { once: true });
}
