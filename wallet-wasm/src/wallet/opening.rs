//! Open session 407 (fig. 21), the customer's steps: 1502 to 1504, 1510 to 1516.

use protocol::message::Reply as _;
use protocol::message::session::{OpenSession as OpenMessage, OpenSessionResponse, RecordNote};
use protocol::money::Money;
use protocol::store::ChangeSet;
use protocol::value::{Index, Num, to_base64};
use wallet_messages::SessionView;

use super::books::Books;
use super::conversation::{Conversation, reply_type};
use super::step::{Begun, Desk, Env, Settled, answer, software};
use super::view::session_view;
use crate::fault::WalletFault;
use crate::record::log::OpeningLog;
use crate::record::pending::{Pending as _, PendingOpening};
use crate::record::{Field, Held, RecordChanges as _, Session, Stored as _};

/// The three limits that the shopper wishes for (claim 6), and a note.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// From the container.
    pub amount: Money,
    /// How long it may live.
    pub minutes: u32,
    /// How many payments it may make.
    pub uses: u16,
    /// 240H.
    pub note: String,
}

/// Steps 1502 and 1503: OS1 and its pending record 255.
///
/// # Errors
/// A limit or the note is not of its form.
pub fn open(desk: &Desk, limits: &Limits, env: &mut Env<'_>) -> Result<Begun, WalletFault> {
    let note = limits.note.trim();
    let record_note = Some(note).filter(|note| !note.is_empty());
    let body = OpenMessage {
        server_date: desk.server_date(env),
        swversion: software(),
        record_note: record_note.map(|note| RecordNote::of(note).ok_or(WalletFault::FieldForm("note"))).transpose()?,
        amount: limits.amount,
        key_lifetime: Num::of(limits.minutes.into()).ok_or(WalletFault::FieldForm("minutes"))?,
        key_use_limit: Index::of(limits.uses.into()).ok_or(WalletFault::FieldForm("uses"))?,
        key: desk.key_label()?,
        signature: None,
    };
    let pending = PendingOpening {
        common: desk.request("cash", PendingOpening::ORIGINAL, &body, env)?,
        persona: desk.books.persona()?.id.clone(),
        amount: limits.amount,
        use_limit: limits.uses,
        lifetime_minutes: limits.minutes,
        note: note.to_owned(),
    };
    let mut changes = ChangeSet::new();
    changes.create(&pending);
    Ok(Begun { changes, pending: pending.key() })
}

/// The same wish, sent before and not answered yet: it is sent again instead of opening two sessions.
pub fn same_as_pending(books: &Books, limits: &Limits) -> Option<String> {
    let same = |pending: &PendingOpening| {
        let PendingOpening { amount, use_limit, lifetime_minutes, .. } = pending;
        (*amount, *use_limit, *lifetime_minutes) == (limits.amount, limits.uses, limits.minutes)
    };
    books.openings.iter().find(|held| same(&held.record)).map(|held| held.record.key())
}

impl Conversation for PendingOpening {
    type Reply = OpenSessionResponse;
    type Output = SessionView;
    const TYPES: &'static [&'static str] = &[reply_type::<OpenMessage>()];
    const MONEY: bool = true;

    fn all(books: &Books) -> &[Held<Self>] {
        &books.openings
    }

    /// Step 1516.
    fn answered(
        held: &Held<Self>,
        desk: &Desk,
        reply: Self::Reply,
        env: &mut Env<'_>,
    ) -> Result<Settled<SessionView>, WalletFault> {
        let unreadable = WalletFault::AnswerUnreadable { money: true };
        let session = session(&held.record, desk, &reply, env).ok_or(unreadable)?;
        let container = desk.books.container(session.opened.currency);
        let container = container.told(reply.balance, reply.on_hold, reply.server_date);
        let mut changes = ChangeSet::new();
        changes.remove(held);
        desk.books.put_container(&container, &mut changes);
        held.record.log(desk, &reply, &mut changes);
        changes.create(&session);
        let view = session_view(&session, &desk.books, env.now);
        Ok(Settled { changes, result: Ok(view) })
    }

    fn log(&self, _: &Desk, reply: &Self::Reply, changes: &mut ChangeSet) {
        let limits = reply.key_use_limit.zip(reply.key_lifetime);
        changes.write(&OpeningLog {
            answer: answer(&self.common, &reply.outcome(), reply.swseverity.as_ref(), reply.swmessage.as_ref()),
            persona: self.persona.clone(),
            amount: reply.amount.unwrap_or(self.amount),
            limits: limits.map(|(uses, minutes)| (uses.get().into(), minutes_of(minutes))),
            session: reply.session_id.as_ref().map(|id| to_base64(id.as_slice())),
            note: self.note.clone(),
            fee: reply.fee,
            balance: reply.balance,
        });
    }
}

/// Record 240 of what was granted; nothing if the reply lacks any of it.
fn session(pending: &PendingOpening, desk: &Desk, reply: &OpenSessionResponse, env: &mut Env<'_>) -> Option<Session> {
    let id = to_base64(reply.session_id.as_ref()?.as_slice());
    let mut seal = |field: Field, secret: &[u8]| desk.vault.seal(field, &id, secret, env.rng);
    let key = seal(Session::KEY, reply.session_key.as_ref()?.as_slice());
    let salt = seal(Session::SALT, reply.session_salt.as_ref()?.as_slice());
    let (opened, use_limit) = (reply.amount?, u32::from(reply.key_use_limit?.get()));
    Some(Session {
        id,
        protocol: desk.books.application().ok()?.protocol,
        key,
        salt,
        opened,
        confirmed: opened,
        uses_confirmed: use_limit,
        confirmed_at: reply.server_date,
        ends_told: None,
        next_index: 1,
        free: Vec::new(),
        note: pending.note.clone(),
        use_limit,
        lifetime_minutes: minutes_of(reply.key_lifetime?),
        opened_at: reply.server_date,
        rates: reply.foreign_exchange.clone().unwrap_or_default(),
        shared: false,
        gone: false,
        used_up_at: None,
        over: None,
    })
}

/// A lifetime of more than eight thousand years is as good as that.
fn minutes_of(minutes: Num) -> u32 {
    u32::try_from(minutes.get()).unwrap_or(u32::MAX)
}
