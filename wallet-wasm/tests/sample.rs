//! The seed's sample transaction (section V), as the customer sees it.

#![cfg(not(target_arch = "wasm32"))]

mod support;

use protocol::store::MemoryStore;
use support::{Sim, account, ask, both, home, load, open, registration, session, usd};
use wallet_messages::ActivityKind::{Bind, Close, Load, Open, Pay, Register};
use wallet_messages::{ActivityState, Bound, Paid, Phase, ReadReceipt, Registered};
use wallet_wasm::fault::WalletFault;
use wallet_wasm::world::PageOutcome;

#[test]
fn brian_buys_rocket_shoes() {
    both(async |protocol| {
        let (sim, store) = (Sim::new(protocol), MemoryStore::new());
        let wallet = open(&store, &sim);
        assert_eq!(wallet.state().await.expect("a state").phase, Phase::New);

        // A. Brian registers as "BrianB" and gets the check code of that name.
        let registered = wallet.register(registration()).await;
        assert_eq!(registered, Ok(Registered::Persona("brianb-40".to_owned())));

        // B. He binds his bank account.
        let Ok(Bound::Instrument(bound)) = wallet.bind(account()).await else { panic!("an instrument expected") };
        assert_eq!((bound.last_digits.as_str(), bound.loads, bound.unloads), ("5654", true, true));

        // C. He loads $100.00.
        let moved = wallet.load(load(&bound.id, "100.00")).await.expect("a load");
        assert_eq!((moved.amount, moved.balance), (usd(10_000), usd(10_000)));

        // D. He opens a session of $70.00; the server cuts 120 minutes and 25 uses to 60 and 15.
        let session = wallet.open_session(session("70.00")).await.expect("a session");
        assert_eq!((session.left.clone(), session.use_limit), (usd(7000), 15));
        assert_eq!(session.ends_at - session.opened_at, 60 * 60 * 1000);
        assert_eq!(home(&wallet).await.balance, usd(3000));

        // E. Acme offers rocket shoes for $42.50; he says Pay.
        let request = ask(&wallet, &sim, "1231-3424-234242", "usd 42.50").await.expect("an approval");
        let view = wallet.approval(&request).await.expect("an approval");
        let from = view.from.expect("a session that fits");
        assert_eq!((view.price, from.holds, from.holds_after), (usd(4250), usd(7000), usd(2750)));
        assert_eq!((from.uses_after, view.historic_cipher), (14, protocol == protocol::Protocol::V1));
        let paid = wallet.approve(&request).await.expect("a payment");
        assert_eq!(paid.left, usd(2750));
        assert_eq!(sim.earth.borrow().till.paid, ["1231-3424-234242"]);
        assert_eq!(sim.earth.borrow().outcomes, [("1231-3424-234242".to_owned(), PageOutcome::PAID)]);
        let receipt = wallet.receipt(ReadReceipt { payment: paid.payment.clone() }).await.expect("a receipt");
        assert_eq!((receipt.state, receipt.charged, receipt.index), (ActivityState::Done, usd(4250), 1));

        // F. He closes the session: $57.50 are in the container.
        let moved = wallet.close_session(&session.id).await.expect("a closing");
        assert_eq!((moved.amount, moved.balance), (usd(2750), usd(5750)));
        let home = home(&wallet).await;
        assert!(home.sessions.is_empty());
        let kinds: Vec<_> = home.activity.iter().map(|entry| entry.kind).collect();
        assert_eq!(kinds, [Close, Pay, Open, Load, Bind, Register]);

        // The offer again: it is paid already. Approving the old request again pays nothing, and says so.
        let again = ask(&wallet, &sim, "1231-3424-234242", "usd 42.50").await.expect("an approval");
        assert!(
            matches!(wallet.approval(&again).await, Err(WalletFault::AlreadyPaid(before)) if before.payment == paid.payment)
        );
        assert!(matches!(wallet.approve(&again).await, Err(WalletFault::AlreadyPaid(_))));
        let Paid { payment, .. } = wallet.approve(&request).await.expect("the same payment");
        assert_eq!((payment, sim.effects("cash-payment")), (paid.payment, 1));
    });
}
