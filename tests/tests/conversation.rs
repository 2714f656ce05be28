//! The seed's sample transaction (section V) as a conversation in one process: both suites, both roles.

use std::rc::Rc;

use anyhow::Result;
use merchant_widget::till::record::Status;
use protocol::Protocol;
use tests::town::{Customer, SERVER, SHOP, Town};
use wallet_messages::{
    ActivityState, BindInstrument, Bound, Load, MoneyView, OpenSession, ReadReceipt, Register, Registered, SessionState,
};
use wallet_wasm::record::Page;

const NOTE: &str = "ACME Products\n\nPurchase of 1 pair \"Rocket Shoes\" at $37.50 ea.\nShipping and handling $5.00\n\n\
                    Total Price: $42.50\n\nShip to:\n Brian Brian\n 100 Elm Street\n Nice Place, VA 00000 USA";

fn dollars(cents: i64) -> MoneyView {
    MoneyView { currency: "usd".to_owned(), minor: cents, digits: 2 }
}

fn brian() -> Register {
    Register {
        server: SERVER.to_owned(),
        requested_id: "BrianB".to_owned(),
        email: "brianb@reality.example".to_owned(),
        language: "en-us".to_owned(),
        currency: "usd".to_owned(),
        agreements: Vec::new(),
        passphrase: "enterprise".to_owned(),
        autoclose_passphrase: Some("badnews".to_owned()),
    }
}

fn fun_account() -> BindInstrument {
    BindInstrument {
        kind: "dda".to_owned(),
        number: "059013218175654".to_owned(),
        expires: None,
        name: "Brian Brian".to_owned(),
        address: "100 Elm Street".to_owned(),
        city: "Nice Place".to_owned(),
        state: "VA".to_owned(),
        postal_code: "00000".to_owned(),
        country: "us".to_owned(),
        autoclose: Some("badnews".to_owned()),
    }
}

fn checkout_page(id: &str) -> Page {
    Page { origin: SHOP.to_owned(), tab: 1, document: None, id: id.to_owned(), run: String::new() }
}

async fn with_cash(brian: &Customer) -> Result<()> {
    // A. Registration: Brian wishes to be called BrianB.
    assert_eq!(brian.register(self::brian()).await?, Registered::Persona("brianb-40".to_owned()));

    // B. Binding: his fun account, which is also where the cash goes if he loses his computer.
    let Bound::Instrument(account) = brian.bind(fun_account()).await? else { panic!("no challenge was expected") };
    assert_eq!((account.status.as_str(), account.last_digits.as_str()), ("enabled", "5654"));

    // C. He loads $100.00.
    let loaded = brian.load(Load { instrument: account.id, amount: "100.00".to_owned() }).await?;
    assert_eq!((loaded.amount, loaded.balance), (dollars(10_000), dollars(10_000)));
    Ok(())
}

fn christmas_shopping() -> OpenSession {
    OpenSession { amount: "70.00".to_owned(), minutes: 120, uses: 25, note: "Christmas shopping spree".to_owned() }
}

async fn sample_transaction(protocol: Protocol) -> Result<()> {
    let town = Town::new(protocol)?;
    // The merchant has done A, B and D before.
    town.settle_merchant().await?;
    let brian = town.shopper();
    with_cash(&brian).await?;

    // D. He opens a session of $70.00 for two hours and 25 payments; $30.00 stay in the container.
    let session = brian.open_session(christmas_shopping()).await?;
    assert_eq!((&session.left, session.uses_left, session.state), (&dollars(7_000), 25, SessionState::Open));
    assert_eq!(brian.state().await?.home.expect("an open wallet").balance, dollars(3_000));

    // E. Payment: Acme offers the rocket shoes (PR1); the wallet shows who asks for how much.
    let (order, pr1) = town.with_merchant(|acme| acme.place(&town, "usd 42.50", NOTE))??;
    let request = brian.accept(checkout_page("click-1"), &pr1).await?;
    let shown = brian.approval(&request).await?;
    assert_eq!((shown.origin.as_str(), shown.merchant.as_str()), (SHOP, "acme-82"));
    assert_eq!((&shown.price, shown.note.as_str()), (&dollars(4_250), NOTE));
    assert_eq!(shown.historic_cipher, protocol == Protocol::V1);
    assert_eq!(shown.from.expect("a session that fits").holds_after, dollars(2_750));

    // He says Pay: CA1 to Acme, CA2 to the server, CA3 back to Acme, CA4 back to Brian.
    let paid = brian.approve(&request).await?;
    assert_eq!(paid.left, dollars(2_750));
    assert_eq!(town.with_merchant(|acme| acme.status(&town, &order))??, Status::Paid);
    assert_eq!(town.with_merchant(|acme| acme.session.current.minor)?, 4_250);
    let receipt = brian.receipt(ReadReceipt { payment: paid.payment }).await?;
    assert_eq!((receipt.state, receipt.charged), (ActivityState::Done, dollars(4_250)));

    // The same offer again is not paid again.
    let again = brian.accept(checkout_page("click-2"), &pr1).await?;
    assert_eq!(brian.approval(&again).await.expect_err("paid already").code(), "already-paid");
    assert_eq!(brian.approve(&again).await.expect_err("paid already").code(), "already-paid");

    // F. He closes the session: $27.50 return, and the container holds $57.50.
    let closed = brian.close_session(&session.id).await?;
    assert_eq!((closed.amount, closed.balance), (dollars(2_750), dollars(5_750)));
    let home = brian.state().await?.home.expect("an open wallet");
    assert_eq!(home.balance, dollars(5_750));
    assert!(home.sessions.iter().all(|session| session.state == SessionState::Closed));
    Ok(())
}

#[tokio::test]
async fn the_sample_transaction_in_protocol_2() -> Result<()> {
    sample_transaction(Protocol::V2).await
}

#[tokio::test]
async fn the_sample_transaction_in_protocol_1() -> Result<()> {
    sample_transaction(Protocol::V1).await
}

#[tokio::test]
async fn a_session_that_does_not_fit_is_never_used() -> Result<()> {
    let town: Rc<Town> = Town::new(Protocol::V2)?;
    town.settle_merchant().await?;
    let brian = town.shopper();
    with_cash(&brian).await?;
    let small = OpenSession { amount: "10.00".to_owned(), ..christmas_shopping() };
    brian.open_session(small).await?;
    let (_, pr1) = town.with_merchant(|acme| acme.place(&town, "usd 42.50", NOTE))??;
    let request = brian.accept(checkout_page("click-1"), &pr1).await?;
    let shown = brian.approval(&request).await?;
    assert_eq!(shown.from, None);
    assert_eq!(shown.offer.expect("an offer to open one").balance, dollars(9_000));
    assert_eq!(brian.approve(&request).await.expect_err("no session fits").code(), "no-session-fits");

    // After one is opened, the same request goes through.
    brian.open_session(christmas_shopping()).await?;
    assert_eq!(brian.approve(&request).await?.left, dollars(2_750));
    Ok(())
}

#[tokio::test]
async fn a_session_over_its_lifetime_returns_what_is_left() -> Result<()> {
    let town = Town::new(Protocol::V2)?;
    let brian = town.shopper();
    with_cash(&brian).await?;
    let session = brian.open_session(christmas_shopping()).await?;
    town.wait_secs(120 * 60 + 1);
    town.server().sweep(town.now()).await?;
    // Left alone for two hours, the wallet has locked itself.
    assert_eq!(brian.state().await?.home, None);
    brian.unlock("enterprise").await?;
    let home = brian.state().await?.home.expect("an open wallet");
    let shown = home.sessions.iter().find(|shown| shown.id == session.id).expect("the session");
    assert_eq!(shown.state, SessionState::Expired);
    // Closing it asks the server, which has returned the money already.
    brian.resume().await?;
    let reopened = brian.open_session(OpenSession { amount: "100.00".to_owned(), ..christmas_shopping() }).await?;
    assert_eq!(reopened.left, dollars(10_000));
    Ok(())
}

#[tokio::test]
async fn a_refund_reaches_the_shopper_after_the_session_is_closed() -> Result<()> {
    let town = Town::new(Protocol::V2)?;
    town.settle_merchant().await?;
    let brian = town.shopper();
    with_cash(&brian).await?;
    let session = brian.open_session(christmas_shopping()).await?;
    let (order, pr1) = town.with_merchant(|acme| acme.place(&town, "usd 42.50", NOTE))??;
    let request = brian.accept(checkout_page("click-1"), &pr1).await?;
    let paid = brian.approve(&request).await?;
    assert_eq!(brian.close_session(&session.id).await?.balance, dollars(5_750));

    // RF1: the shoes pinch. The money goes to the container, since the session is over.
    town.refund(&order).await?;
    // Given twice, it moves once.
    assert!(town.refund(&order).await.is_err());

    // ST1: the wallet learns of it the next time it asks.
    brian.refresh().await?;
    assert_eq!(brian.state().await?.home.expect("an open wallet").balance, dollars(10_000));
    let receipt = brian.receipt(ReadReceipt { payment: paid.payment }).await?;
    assert_eq!(receipt.refunded, Some(dollars(4_250)));
    Ok(())
}
