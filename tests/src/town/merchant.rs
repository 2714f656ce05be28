//! The merchant: the till's pure steps over records in memory.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, bail};
use merchant_widget::till::collection::{Claim, Concluded, Underway, assemble, conclude};
use merchant_widget::till::order::{Links, NewOrder, Returns, place};
use merchant_widget::till::payment::{Examined, examine, name_of};
use merchant_widget::till::record::{CollectionLog, Order, Pending, Persona, SalesSession, Status};
use merchant_widget::till::refund::{self, NewRefund};
use merchant_widget::till::session::SessionLimits;
use merchant_widget::till::setup::{Account, Application};
use merchant_widget::till::{Change, ChangeSet, Moment, session, setup};
use protocol::collect::ReceivedPayment;
use protocol::money::{Currency, Money};
use protocol::persona::RequestedId;
use protocol::value::{Address, Index, Language, Num, OrderId, Reading, Text, Token, Value as _};

use super::{SHOP, Town};

/// How long the offer of an order stands.
const ORDER_SECS: i64 = 3_600;

/// Acme's books.
pub struct Merchant {
    /// Record 320.
    pub persona: Persona,
    /// Record 360.
    pub session: SalesSession,
    /// Records 350.
    pub orders: BTreeMap<String, Order>,
    /// Records 370.
    pub log: BTreeMap<String, CollectionLog>,
}

impl Merchant {
    /// Registration 401, binding 403 and opening 407, as every till does them at first.
    pub(super) async fn settle(town: &Town) -> Result<Self> {
        let usd = Currency::of("usd").context("a currency")?;
        let server = town.published().best_key().context("a server key")?;
        let mut rng = town.fork();
        let mut moment = Moment { now: town.now(), rng: &mut rng };
        let application = Application {
            name: RequestedId::parse("acme", Reading::STRICT).context("a name")?,
            email: Address::of("till@acme.example").context("an address")?,
            language: Language::of("en-us").context("a language")?,
            currency: usd,
            agreements: Vec::new(),
        };
        let (_, pending) = setup::register(&application, &server, &mut moment)?;
        let (_, persona) = setup::registered(&pending, &ask(town, &pending).await?)?;

        let account = Account {
            number: Token::of("059013218175654").context("an account")?,
            holder: Text::of("Acme Products").context("a name")?,
            agreements: Vec::new(),
        };
        let (_, pending) = setup::bind(&persona, &account, &mut moment)?;
        setup::bound(&pending, &ask(town, &pending).await?)?;

        let limits = SessionLimits { minutes: Num::of(960).context("minutes")?, uses: Index::of(90).context("uses")? };
        let (_, pending) = session::open(&persona, usd, &limits, &mut moment)?;
        let (_, session) = session::opened(&persona, &pending, &ask(town, &pending).await?)?;
        Ok(Self { persona, session, orders: BTreeMap::new(), log: BTreeMap::new() })
    }

    /// Places an order; yields its id and PR1.
    ///
    /// # Errors
    /// The order is not one.
    pub fn place(&mut self, town: &Town, amount: &str, note: &str) -> Result<(OrderId, String)> {
        let new = NewOrder {
            amount: Money::parse(amount, Reading::STRICT).context("an amount")?,
            note: protocol::message::offer::Note::of(note).context("a note")?,
            reference: None,
            items: Vec::new(),
            other_amounts: Vec::new(),
            returns: Returns::default(),
            expires: town.now().plus_secs(ORDER_SECS),
        };
        let links = Links::new(SHOP, SHOP)?;
        let mut rng = town.fork();
        let (changes, order) = place(&self.persona, &new, &links, &mut Moment { now: town.now(), rng: &mut rng })?;
        self.apply(changes);
        Ok((order.id, order.payment_request))
    }

    /// How an order stands.
    ///
    /// # Errors
    /// There is no such order.
    pub fn status(&self, town: &Town, order: &OrderId) -> Result<Status> {
        Ok(self.orders.get(order.as_str()).context("no such order")?.status(town.now()))
    }

    fn apply(&mut self, changes: ChangeSet) {
        for change in changes.0 {
            match change {
                Change::PutOrder(order) => drop(self.orders.insert(order.id.to_string(), order)),
                Change::PutSession(session) => self.session = session,
                Change::PutCollection(log) => drop(self.log.insert(log.payment.clone(), log)),
                // What follows from these is in the step's other result.
                Change::PutPersona(_)
                | Change::PutInstrument(_)
                | Change::PutPending(_)
                | Change::DeletePending(_)
                | Change::PutOpening(_)
                | Change::PutBatch(_)
                | Change::PutRefund(_)
                | Change::PutSettlement(_)
                | Change::PutServerKey(_) => {}
            }
        }
    }

    fn claim(&self, received: ReceivedPayment, ca1: &str) -> Result<Claim> {
        let order = self.orders.get(received.payment.order_id.as_str()).context("no such order")?.clone();
        let earlier = self.log.get(&name_of(&received)).cloned();
        Ok(Claim { received, ca1: ca1.to_owned(), order, earlier })
    }
}

/// The merchant gives back what an order paid, all of it (RF1).
///
/// # Errors
/// The server refuses.
pub(super) async fn give_back(town: &Town, order: &OrderId) -> Result<()> {
    let (pending, log) = town.with_merchant(|acme| -> Result<_> {
        let sold = acme.orders.get(order.as_str()).context("no such order")?.clone();
        let paid = acme.log.values().find(|log| log.order_id == *order).context("nobody paid it")?.clone();
        let mut rng = town.fork();
        let mut moment = Moment { now: town.now(), rng: &mut rng };
        let all = NewRefund { amount: None, note: None };
        let (changes, pending, log) = refund::begin(&acme.persona, &sold, &paid, &[], &all, &mut moment)?;
        acme.apply(changes);
        Ok((pending, log))
    })??;
    let reply = ask(town, &pending).await?;
    let (changes, _) = refund::concluded(&log, &pending, &reply, town.now())?;
    town.with_merchant(|acme| acme.apply(changes))
}

async fn ask(town: &Town, pending: &Pending) -> Result<Vec<u8>> {
    town.to_server(pending.message()?.text.as_bytes()).await.context("the server does not answer")
}

/// A CA1 comes in at the pay-to address (1709): CA2 to the server, CA3 back, CA4 to the wallet.
pub(super) async fn take_payment(town: &Town, order: &str, ca1: &str) -> Result<String> {
    let received = ReceivedPayment::read(ca1.as_bytes())?;
    let addressed = OrderId::of(order).context("an order id")?;
    let name = name_of(&received);
    let examined = town.with_merchant(|acme| {
        let (order, earlier) = (acme.orders.get(order), acme.log.get(&name));
        examine(&received, &addressed, &acme.persona, order, earlier, town.now())
    })?;
    match examined {
        Examined::Answer(answer) => return Ok(answer),
        Examined::OnItsWay => bail!("one CA1 at a time"),
        Examined::Collect => {}
    }
    let (batch, underway) = town.with_merchant(|acme| -> Result<_> {
        let claim = acme.claim(received, ca1)?;
        let mut rng = town.fork();
        let mut moment = Moment { now: town.now(), rng: &mut rng };
        let (changes, batch) = assemble(&acme.persona, &acme.session, std::slice::from_ref(&claim), &mut moment)?;
        acme.apply(changes);
        let entry = (acme.log[&name].clone(), acme.orders[claim.order.id.as_str()].clone());
        let session = acme.session.clone();
        Ok((batch.clone(), Underway { batch, session, entries: vec![entry] }))
    })??;
    let ca3 = town.to_server(batch.ca2.as_bytes()).await.context("the server does not answer")?;
    match conclude(&underway, &ca3, town.now())? {
        Concluded::Decided(changes, answers) => {
            town.with_merchant(|acme| acme.apply(changes))?;
            let answer = answers.into_iter().find(|(payment, _)| *payment == name);
            answer.map(|(_, answer)| answer).context("no answer for this payment")
        }
        Concluded::SessionOver(..) => bail!("the sales session is over"),
    }
}
