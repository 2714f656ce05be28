/// <reference path="pay-cash-types.d.ts" />
// A shop in TypeScript, as a merchant writes it: compiled by `cargo xtask test --only types`, never run. What must not
// compile says so.

const button = document.createElement("pay-cash-button");
button.requestSrc = "/orders/7F3K-9QWM-2ABC-4DEF/payment-request";
button.label = "checkout";
button.disabled = false;
// @ts-expect-error: labels are keys, no free text
button.label = "Give us your money";
// @ts-expect-error: money is no float
button.amount = 42.5;

button.addEventListener("paycash:paid", ({ detail }) => {
  const { order, amount: { currency, value }, confirmed }: PayCashReceipt = detail;
  console.log(order, currency, value, confirmed);
});
button.addEventListener("paycash:failed", (event) => {
  if (event.detail.code === "funds-insufficient") event.preventDefault();
});
document.addEventListener("paycash:nowallet", (event) => event.preventDefault());

export async function checkout(source: string, signal: AbortSignal): Promise<string> {
  try {
    return (await PayCash.pay({ requestSrc: source, signal })).order;
  } catch (reason) {
    const { name, problem } = reason as PayCashError;
    return name === "AbortError" ? "cancelled" : problem;
  }
}

// @ts-expect-error: one of the two, not both
void PayCash.pay({ request: "...", requestSrc: "/orders/1/payment-request" });
// @ts-expect-error: something to pay
void PayCash.pay({});
