//! A merchant of the world: the till library's steps over books that survive a death.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use merchant_widget::till::collection::{Claim, Concluded, assemble, conclude, fitting};
use merchant_widget::till::conversation::AnswerFault;
use merchant_widget::till::order::{Links, NewOrder, Returns, place};
use merchant_widget::till::payment::{Examined, examine, name_of, not_of_its_form, undecided};
use merchant_widget::till::record::{Batch, BatchId, Pending, Persona, Purpose};
use merchant_widget::till::session::{self, SessionLimits};
use merchant_widget::till::setup::{self, Account, Application};
use merchant_widget::till::{Change, ChangeSet, Moment};
use protocol::Protocol;
use protocol::buggify::{Site, strikes};
use protocol::collect::ReceivedPayment;
use protocol::date::Date;
use protocol::keys::Published;
use protocol::message::offer::Note;
use protocol::money::{Currency, Money};
use protocol::outcome::Problem;
use protocol::persona::RequestedId;
use protocol::value::{Address, Index, Language, Num, OrderId, Reading, Text, Token, Value as _};
use thiserror::Error;
use tokio::sync::{Notify, oneshot};

mod books;
mod refunds;
mod settling;

pub use books::Books;
use books::Conflict;
pub use settling::is_of_it as settles;

use super::clockwork::{Owner, fork, now_millis, sleep, spawn};
use super::disk::{self, DiskFault};
use super::fate::{count, note};
use super::net::{Letter, Net};

/// How long an order stands, seconds.
const ORDER_SECS: i64 = 120;
/// What a sales session is asked for: little, so that it rolls over within a run.
const SESSION_MINUTES: u64 = 2;
const SESSION_USES: u64 = 12;
/// How long a wallet is kept waiting, milliseconds.
const WALLET_PATIENCE_MILLIS: i64 = 12_000;
/// The first and the longest pause before something is sent again, milliseconds.
const PAUSES_MILLIS: (i64, i64) = (200, 30_000);
/// The currencies of every till.
pub const CURRENCIES: [&str; 2] = ["usd", "eur"];

/// Why a till stops what it was doing.
#[derive(Debug, Error)]
enum Stop {
    #[error("the disk does not obey")]
    Disk,
    #[error("somebody was faster")]
    Conflict,
    #[error(transparent)]
    Answer(AnswerFault),
    #[error("it cannot be made")]
    Crypto,
}

impl From<DiskFault> for Stop {
    fn from(DiskFault: DiskFault) -> Self {
        Self::Disk
    }
}

/// A running till: gone when the till dies.
pub struct Till {
    /// Whose tasks its tasks are.
    pub party: Owner,
    server: Owner,
    name: &'static str,
    origin: &'static str,
    protocol: Protocol,
    net: Rc<Net>,
    disk: Rc<RefCell<Books>>,
    /// By how much its clock is wrong, milliseconds.
    wrong_millis: Rc<Cell<i64>>,
    learned_millis: Cell<i64>,
    queue: RefCell<Vec<ReceivedPayment>>,
    texts: RefCell<HashMap<String, String>>,
    waiting: RefCell<HashMap<String, Vec<oneshot::Sender<String>>>>,
    flying: RefCell<HashSet<BatchId>>,
    news: Notify,
}

/// What a till is made of, and what outlives its death.
#[derive(Clone)]
pub struct Stand {
    /// Who it is.
    pub party: Owner,
    /// Its server.
    pub server: Owner,
    /// What it wishes to be called.
    pub name: &'static str,
    /// Where its shop is.
    pub origin: &'static str,
    /// What it speaks.
    pub protocol: Protocol,
    /// Its disk.
    pub disk: Rc<RefCell<Books>>,
    /// By how much its clock is wrong, milliseconds.
    pub wrong_millis: Rc<Cell<i64>>,
}

impl Till {
    /// Starts a till on its disk: it takes letters, and goes on with what was under way.
    pub fn start(stand: &Stand, net: &Rc<Net>) -> Rc<Self> {
        let Stand { party, server, name, origin, protocol, disk, wrong_millis } = stand.clone();
        let till = Rc::new(Self {
            party,
            server,
            name,
            origin,
            protocol,
            net: Rc::clone(net),
            disk,
            wrong_millis,
            learned_millis: Cell::default(),
            queue: RefCell::default(),
            texts: RefCell::default(),
            waiting: RefCell::default(),
            flying: RefCell::default(),
            news: Notify::new(),
        });
        let listener = Rc::clone(&till);
        net.listen(party, move |letter| {
            let till = Rc::clone(&listener);
            Box::pin(async move { till.answer(letter).await })
        });
        spawn(party, Rc::clone(&till).collect());
        spawn(party, Rc::clone(&till).keep_sessions());
        spawn(party, Rc::clone(&till).keep_refunds());
        spawn(party, Rc::clone(&till).keep_settling());
        till.launch();
        till
    }

    /// Sends every CA2 that has no answer and is not on its way.
    fn launch(self: &Rc<Self>) {
        for batch in self.disk.borrow().batches.iter().filter(|batch| !batch.answered) {
            if self.flying.borrow_mut().insert(batch.id.clone()) {
                spawn(self.party, Rc::clone(self).fly(batch.clone()));
            }
        }
    }

    fn now(&self) -> Date {
        Date::from_millis(now_millis() + self.wrong_millis.get() + self.learned_millis.get())
    }

    fn step<T>(&self, step: impl FnOnce(&mut Moment<'_>) -> T) -> T {
        let mut rng = fork();
        step(&mut Moment { now: self.now(), rng: &mut rng })
    }

    async fn commit(&self, changes: ChangeSet) -> Result<(), Stop> {
        let written = disk::write(self.party, || self.disk.borrow_mut().apply(changes)).await?;
        written.map_err(|Conflict| Stop::Conflict)
    }

    /// Places an order; yields its PR1, or nothing if the till is not open for business.
    async fn place(&self, amount: Money) -> Option<String> {
        let persona = self.disk.borrow().persona.clone()?;
        let new = NewOrder {
            amount,
            note: Note::of("One pair of Rocket Shoes")?,
            reference: None,
            items: Vec::new(),
            other_amounts: Vec::new(),
            returns: Returns::default(),
            expires: self.now().plus_secs(ORDER_SECS),
        };
        let links = Links::new(self.origin, self.origin).ok()?;
        let (changes, order) = self.step(|moment| place(&persona, &new, &links, moment)).ok()?;
        self.commit(changes).await.ok()?;
        Some(order.payment_request)
    }

    async fn answer(&self, letter: Letter) -> Option<Vec<u8>> {
        match letter {
            Letter::Buy(price) => self.place(price).await.map(String::into_bytes),
            Letter::Pay { order, ca1 } => {
                let answer = self.take(&order, ca1.clone()).await?;
                self.hear(&order, &ca1, &answer);
                Some(answer)
            }
            Letter::GiveBack(order) => self.give_back(&order).await,
            Letter::Settle => self.settle().await,
            Letter::Message(_) | Letter::Keys => None,
        }
    }

    /// The judge hears what is answered for good.
    fn hear(&self, order: &str, ca1: &[u8], answer: &[u8]) {
        let read = ReceivedPayment::read(ca1);
        if read.is_ok_and(|received| self.disk.borrow().is_decided(&name_of(&received))) {
            self.net.hear(&[self.name.as_bytes(), order.as_bytes(), ca1].concat(), answer);
        }
    }

    async fn take(&self, order: &str, ca1: Vec<u8>) -> Option<Vec<u8>> {
        let persona = self.disk.borrow().persona.clone()?;
        let Ok(received) = ReceivedPayment::read(&ca1) else {
            return Some(not_of_its_form(self.protocol).into_bytes());
        };
        let addressed = OrderId::of(order)?;
        if let Examined::Answer(answer) = self.examine(&persona, &received, &addressed) {
            return Some(answer.into_bytes());
        }
        let (sender, answer) = oneshot::channel();
        let (name, protocol) = (name_of(&received), received.protocol);
        if strikes(Site::TillQueueFull) {
            // Whoever else waits for this CA1 asks again as well.
            self.tell(&name, None);
            return Some(undecided(protocol).into_bytes());
        }
        let patience = if strikes(Site::EarlyTimer) { 0 } else { WALLET_PATIENCE_MILLIS };
        self.waiting.borrow_mut().entry(name.clone()).or_default().push(sender);
        self.texts.borrow_mut().insert(name, String::from_utf8(ca1).ok()?);
        self.queue.borrow_mut().push(received);
        self.news.notify_one();
        tokio::select! {
            biased;
            answer = answer => Some(answer.ok()?.into_bytes()),
            () = sleep(patience) => Some(undecided(protocol).into_bytes()),
        }
    }

    fn examine(&self, persona: &Persona, received: &ReceivedPayment, addressed: &OrderId) -> Examined {
        let books = self.disk.borrow();
        let order = books.orders.get(received.payment.order_id.as_str());
        examine(received, addressed, persona, order, books.log.get(&name_of(received)), self.now())
    }

    fn tell(&self, payment: &str, answer: Option<&str>) {
        for sender in self.waiting.borrow_mut().remove(payment).unwrap_or_default() {
            if let Some(answer) = answer {
                let _ = sender.send(answer.to_owned());
            }
        }
    }

    /// Collects what is queued; never ends.
    async fn collect(self: Rc<Self>) {
        loop {
            let queued = std::mem::take(&mut *self.queue.borrow_mut());
            if queued.is_empty() {
                self.news.notified().await;
                continue;
            }
            let names: Vec<_> = queued.iter().map(name_of).collect();
            if self.dispatch(queued).await.is_err() {
                // A write that is said to have failed may be there all the same.
                self.launch();
                // The wallets are told to ask again, which is what brings their CA1s back.
                for name in &names {
                    self.tell(name, None);
                }
                sleep(PAUSES_MILLIS.0).await;
            }
        }
    }

    async fn dispatch(self: &Rc<Self>, queued: Vec<ReceivedPayment>) -> Result<(), Stop> {
        let Some(persona) = self.disk.borrow().persona.clone() else { return Ok(()) };
        let (claims, later) = fitting(self.claims(&persona, queued));
        for claim in later {
            self.queue_again(claim.received, claim.ca1);
        }
        let Some(first) = claims.first() else { return Ok(()) };
        let usable = session::pick(&self.disk.borrow().sessions, first.order.amount.currency, self.now()).cloned();
        let Some(session) = usable else {
            sleep(PAUSES_MILLIS.0).await;
            for claim in claims {
                self.tell(&name_of(&claim.received), None);
            }
            return Ok(());
        };
        let made = self.step(|moment| assemble(&persona, &session, &claims, moment));
        let (changes, _) = made.map_err(|_| Stop::Crypto)?;
        self.commit(changes).await?;
        self.launch();
        Ok(())
    }

    fn claims(&self, persona: &Persona, queued: Vec<ReceivedPayment>) -> Vec<Claim> {
        let mut claims = Vec::<Claim>::new();
        for received in queued {
            let name = name_of(&received);
            match self.examine(persona, &received, &received.payment.order_id) {
                Examined::Answer(answer) => self.tell(&name, Some(&answer)),
                Examined::OnItsWay => {}
                Examined::Collect if claims.iter().any(|claim| name_of(&claim.received) == name) => {}
                Examined::Collect => {
                    let books = self.disk.borrow();
                    let (order, earlier) = (books.orders.get(received.payment.order_id.as_str()), books.log.get(&name));
                    let text = self.texts.borrow().get(&name).cloned();
                    if let (Some(order), Some(ca1)) = (order.cloned(), text) {
                        claims.push(Claim { received, ca1, order, earlier: earlier.cloned() });
                    }
                }
            }
        }
        claims
    }

    fn queue_again(&self, received: ReceivedPayment, text: String) {
        self.texts.borrow_mut().insert(name_of(&received), text);
        self.queue.borrow_mut().push(received);
        self.news.notify_one();
    }

    /// Sends a CA2, the same bytes, until its CA3 is booked.
    async fn fly(self: Rc<Self>, batch: Batch) {
        let mut pause = PAUSES_MILLIS.0;
        loop {
            let reply = self.ask(batch.ca2.as_bytes()).await;
            if let Some(reply) = reply
                && self.land(&batch, &reply).await.is_ok()
            {
                return;
            }
            sleep(pause).await;
            pause = (pause * 2).min(PAUSES_MILLIS.1);
        }
    }

    async fn ask(&self, message: &[u8]) -> Option<Vec<u8>> {
        self.net.call(self.party, self.server, Letter::Message(message.to_vec())).await
    }

    async fn land(&self, batch: &Batch, reply: &[u8]) -> Result<(), Stop> {
        let underway = self.disk.borrow().underway(batch).ok_or(Stop::Conflict)?;
        let concluded = conclude(&underway, reply, self.now()).map_err(|_| Stop::Crypto)?;
        match concluded {
            Concluded::Decided(changes, answers) => {
                count_expired(&changes);
                self.commit(changes).await?;
                for (payment, answer) in &answers {
                    self.tell(payment, Some(answer));
                }
            }
            Concluded::SessionOver(changes) => {
                self.commit(changes).await?;
                for (log, _) in underway.entries {
                    if let Ok(received) = ReceivedPayment::read(log.ca1.as_bytes()) {
                        self.queue_again(received, log.ca1);
                    }
                }
            }
        }
        Ok(())
    }

    /// Registers, binds, and keeps a sales session in every currency; never ends.
    async fn keep_sessions(self: Rc<Self>) {
        loop {
            for currency in CURRENCIES.iter().filter_map(|code| Currency::of(code)) {
                if let Err(stop) = self.look_after(currency).await {
                    note(self.party, "gives up for now", || stop.to_string());
                    sleep(PAUSES_MILLIS.0).await;
                }
            }
            sleep(2_000).await;
        }
    }

    async fn look_after(&self, currency: Currency) -> Result<(), Stop> {
        let Some(persona) = self.disk.borrow().persona.clone() else { return self.register().await };
        if self.disk.borrow().instrument.is_none() {
            return self.bind(&persona).await;
        }
        let begun = self.begun(|purpose| matches!(purpose, Purpose::Opening(other) if *other == currency));
        if begun.is_none() && !session::needs_next(&self.disk.borrow().sessions, currency, self.now()) {
            return Ok(());
        }
        let limits = limits().ok_or(Stop::Crypto)?;
        let make = |moment: &mut Moment<'_>| session::open(&persona, currency, &limits, moment);
        let pending = self.begin(begun, make).await?;
        let read = |pending: &Pending, reply: &[u8]| session::opened(&persona, pending, reply).map(|(c, _)| c);
        self.talk(&pending, read, |pending, fault| session::refused(pending, fault, &limits)).await
    }

    async fn register(&self) -> Result<(), Stop> {
        let begun = self.begun(|purpose| matches!(purpose, Purpose::Registration { .. }));
        let pending = if let Some(pending) = begun {
            pending
        } else {
            let keys = self.net.call(self.party, self.server, Letter::Keys).await.ok_or(Stop::Disk)?;
            let published: Published = serde_json::from_slice(&keys).map_err(|_| Stop::Crypto)?;
            let key = setup::choose_key(&published, Some(self.protocol)).ok_or(Stop::Crypto)?;
            let application = self.application().ok_or(Stop::Crypto)?;
            self.begin(None, |moment| setup::register(&application, &key, moment)).await?
        };
        let read = |pending: &Pending, reply: &[u8]| setup::registered(pending, reply).map(|(c, _)| c);
        self.talk(&pending, read, forget).await
    }

    async fn bind(&self, persona: &Persona) -> Result<(), Stop> {
        let begun = self.begun(|purpose| matches!(purpose, Purpose::Binding));
        let account = Account {
            number: Token::of(super::CANARY_ACCOUNT).ok_or(Stop::Crypto)?,
            holder: Text::of("Acme Products").ok_or(Stop::Crypto)?,
            agreements: Vec::new(),
        };
        let pending = self.begin(begun, |moment| setup::bind(persona, &account, moment)).await?;
        let read = |pending: &Pending, reply: &[u8]| setup::bound(pending, reply).map(|(c, _)| c);
        self.talk(&pending, read, forget).await
    }

    fn application(&self) -> Option<Application> {
        Some(Application {
            name: RequestedId::parse(self.name, Reading::STRICT)?,
            email: Address::of("till@acme.example")?,
            language: Language::of("en-us")?,
            currency: Currency::of("usd")?,
            agreements: Vec::new(),
        })
    }

    fn begun(&self, fits: impl Fn(&Purpose) -> bool) -> Option<Pending> {
        self.disk.borrow().pending.iter().find(|pending| fits(&pending.purpose)).cloned()
    }

    async fn begin(
        &self,
        begun: Option<Pending>,
        make: impl FnOnce(&mut Moment<'_>) -> Result<(ChangeSet, Pending), protocol::suite::CryptoFault>,
    ) -> Result<Pending, Stop> {
        if let Some(pending) = begun {
            return Ok(pending);
        }
        let (changes, pending) = self.step(make).map_err(|_| Stop::Crypto)?;
        self.commit(changes).await?;
        Ok(pending)
    }

    async fn talk(
        &self,
        pending: &Pending,
        read: impl Fn(&Pending, &[u8]) -> Result<ChangeSet, AnswerFault>,
        refused: impl Fn(&Pending, &AnswerFault) -> ChangeSet,
    ) -> Result<(), Stop> {
        let message = pending.message().map_err(Stop::Answer)?.text;
        let Some(reply) = self.ask(message.as_bytes()).await else { return Ok(()) };
        match read(pending, &reply) {
            Ok(changes) => self.commit(changes).await,
            Err(fault) if fault.is_passing() => Err(Stop::Answer(fault)),
            Err(fault) => {
                if let AnswerFault::ClockSkew(server) = &fault {
                    let own = now_millis() + self.wrong_millis.get();
                    self.learned_millis.set(server.millis() - own);
                }
                self.commit(refused(pending, &fault)).await?;
                Err(Stop::Answer(fault))
            }
        }
    }
}

/// Counts payments whose session was over by the time the server saw them.
fn count_expired(changes: &ChangeSet) {
    for change in &changes.0 {
        if let Change::PutCollection(log) = change
            && log.result == Some(Problem::SESSION_EXPIRED)
        {
            count("sessions over in mid-payment");
        }
    }
}

fn limits() -> Option<SessionLimits> {
    Some(SessionLimits { minutes: Num::of(SESSION_MINUTES)?, uses: Index::of(SESSION_USES)? })
}

fn forget(pending: &Pending, _: &AnswerFault) -> ChangeSet {
    vec![Change::DeletePending(pending.transaction)].into()
}
