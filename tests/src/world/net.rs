//! The network: letters and their answers, which get lost, late, repeated and damaged.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashSet};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;

use protocol::buggify::{Site, strikes as rare};
use protocol::money::Money;
use rand::RngExt as _;
use tokio::sync::oneshot;

use super::clockwork::{self, Owner, between, now_millis, sleep, spawn};
use super::fate::{self, Weather, moment, strikes};
use super::judge::{Answers, Lie, inspect};

/// Nobody's: the network's own tasks never die.
pub const NETWORK: Owner = Owner(u8::MAX);
/// How long a caller waits for an answer, milliseconds: what a browser's or a till's patience comes to.
const PATIENCE_MILLIS: i64 = 15_000;
/// An answer that was given before.
const AGAIN: &str = "answers of tills again";
/// How often one letter arrives at most.
const MOST_COPIES: usize = 3;

/// What is asked of a party.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Letter {
    /// A message for the payment server.
    Message(Vec<u8>),
    /// `GET` of the server's keys.
    Keys,
    /// A click on "Buy": place an order and give back its PR1.
    Buy(Money),
    /// A CA1 at the address of an order.
    Pay {
        /// The order of the address.
        order: String,
        /// The CA1.
        ca1: Vec<u8>,
    },
    /// A word at the counter: give back what this order paid.
    GiveBack(String),
    /// Another: bring what was earned to the bank.
    Settle,
}

/// An answer, if there is one.
pub type Answering = Pin<Box<dyn Future<Output = Option<Vec<u8>>>>>;
type Handler = Rc<dyn Fn(Letter) -> Answering>;
type Waiting = Rc<RefCell<Option<oneshot::Sender<Vec<u8>>>>>;

/// The network.
#[derive(Default)]
pub struct Net {
    listening: RefCell<BTreeMap<Owner, Handler>>,
    /// Links that are cut, and until when.
    cut: RefCell<BTreeMap<(Owner, Owner), i64>>,
    /// What is wrong with what was said: secrets seen on the way, above all.
    lies: RefCell<Vec<Lie>>,
    /// What tills answered.
    answers: RefCell<Answers>,
    /// Letters as they were after a bit of them flipped.
    altered: RefCell<HashSet<Vec<u8>>>,
}

impl Net {
    /// A party takes letters from now on.
    pub fn listen(&self, party: Owner, handler: impl Fn(Letter) -> Answering + 'static) {
        self.listening.borrow_mut().insert(party, Rc::new(handler));
    }

    /// A party takes no letters any more.
    pub fn hang_up(&self, party: Owner) {
        self.listening.borrow_mut().remove(&party);
    }

    /// Whether a party takes letters.
    pub fn is_listening(&self, party: Owner) -> bool {
        self.listening.borrow().contains_key(&party)
    }

    /// Cuts the link between two parties, both ways, for a while.
    pub fn cut(&self, one: Owner, other: Owner, millis: i64) {
        self.cut.borrow_mut().insert((one.min(other), one.max(other)), now_millis() + millis);
    }

    /// Heals all links.
    pub fn heal(&self) {
        self.cut.borrow_mut().clear();
    }

    /// Something that a party says to people.
    pub fn overhear(&self, what: &str, said: &str) {
        self.lies.borrow_mut().extend(inspect(what, said.as_bytes()).err());
    }

    /// What a till answers for good.
    pub fn hear(&self, asked: &[u8], answer: &[u8]) {
        let heard = self.answers.borrow_mut().hear(asked, answer);
        heard.map_or_else(|lie| self.lies.borrow_mut().push(lie), |again| fate::count_if(again, AGAIN));
    }

    /// What was wrong with what was said since this was last asked.
    pub fn take_lies(&self) -> Vec<Lie> {
        self.lies.take()
    }

    /// From now on a letter is one that a bit flipped in.
    pub fn call_altered(&self, letter: &[u8]) {
        self.altered.borrow_mut().insert(letter.to_owned());
    }

    /// Whether a letter is one that a bit flipped in.
    pub fn was_altered(&self, letter: &[u8]) -> bool {
        self.altered.borrow().contains(letter)
    }

    fn is_cut(&self, one: Owner, other: Owner) -> bool {
        self.cut.borrow().get(&(one.min(other), one.max(other))).is_some_and(|until| *until > now_millis())
    }

    /// Sends a letter and waits for its answer as long as is usual.
    pub async fn call(self: &Rc<Self>, from: Owner, to: Owner, letter: Letter) -> Option<Vec<u8>> {
        moment(from, "sends").await;
        let (sender, answer) = oneshot::channel();
        let waiting: Waiting = Rc::new(RefCell::new(Some(sender)));
        let mut copies = 1;
        while copies < MOST_COPIES && strikes("letters repeated", |weather| weather.repeated) {
            copies += 1;
        }
        for _ in 0..copies {
            let (net, letter, waiting) = (Rc::clone(self), letter.clone(), Rc::clone(&waiting));
            spawn(NETWORK, async move { net.carry(from, to, letter, waiting).await });
        }
        // Only the copies hold it now: when all are lost, there is nobody left to answer.
        drop(waiting);
        let patience = if rare(Site::EarlyTimer) { 0 } else { PATIENCE_MILLIS };
        let answer = tokio::select! {
            biased;
            answer = answer => answer.ok(),
            () = sleep(patience) => None,
        };
        if answer.is_none() {
            // A caller learns of a lost letter by waiting, and what comes later finds nobody.
            sleep(between(0, 200)).await;
        }
        moment(from, "receives").await;
        answer
    }

    /// Carries one copy there, and its answer back.
    async fn carry(self: Rc<Self>, from: Owner, to: Owner, letter: Letter, waiting: Waiting) {
        sleep(delay()).await;
        if self.is_cut(from, to) || strikes("letters lost", |weather| weather.lost) {
            return;
        }
        if let Letter::Message(bytes) | Letter::Pay { ca1: bytes, .. } = &letter {
            self.lies.borrow_mut().extend(inspect("a letter", bytes).err());
        }
        let is_keys = letter == Letter::Keys;
        let letter = self.damaged(letter);
        let (sender, answer) = oneshot::channel();
        let Some(handler) = self.listening.borrow().get(&to).cloned() else { return };
        spawn(to, async move {
            moment(to, "is asked").await;
            if let Some(answer) = handler(letter).await {
                // Whoever dies between the answer and its sending has not sent it.
                moment(to, "answers").await;
                let _ = sender.send(answer);
            }
        });
        let Ok(mut answer) = answer.await else { return };
        self.lies.borrow_mut().extend(inspect("an answer", &answer).err());
        sleep(delay()).await;
        if self.is_cut(from, to) || strikes("answers lost", |weather| weather.lost) {
            return;
        }
        if strikes("answers altered", |weather| weather.altered) {
            // Nothing but TLS vouches for a server's keys: what is damaged there does not arrive.
            if is_keys {
                return;
            }
            flip_a_bit(&mut answer);
        }
        if let Some(waiting) = waiting.borrow_mut().take() {
            let _ = waiting.send(answer);
        }
    }

    fn damaged(&self, mut letter: Letter) -> Letter {
        if let Letter::Message(bytes) | Letter::Pay { ca1: bytes, .. } = &mut letter
            && strikes("letters altered", |weather| weather.altered)
        {
            flip_a_bit(bytes);
            self.call_altered(bytes);
        }
        letter
    }
}

fn delay() -> i64 {
    let millis = between(1, fate::weather().delay_millis.into());
    if millis > Weather::CALM.delay_millis.into() {
        fate::count("letters delayed");
    }
    millis
}

fn flip_a_bit(bytes: &mut [u8]) {
    if !bytes.is_empty() {
        let (at, bit) = clockwork::random(|rng| (rng.random_range(0..bytes.len()), rng.random_range(0..8)));
        bytes[at] ^= 1 << bit;
    }
}
