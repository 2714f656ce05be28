//! Load and unload of funds 405 (fig. 18), the customer's steps: 1401A to 1408, 1413 to 1419.

use protocol::message::Reply as _;
use protocol::message::funds::{LoadUnload, LoadUnloadResponse};
use protocol::money::{Money, SignedMoney};
use protocol::outcome::Problem;
use protocol::store::ChangeSet;
use protocol::template::Family;
use wallet_messages::Moved;

use super::books::{Books, find};
use super::conversation::{Conversation, reply_type};
use super::step::{Begun, Desk, Env, Settled, answer, software};
use super::view::{fee_view, money_view};
use crate::fault::WalletFault;
use crate::json;
use crate::record::instrument::Recurring;
use crate::record::log::FundsLog;
use crate::record::pending::{Pending as _, PendingFunds};
use crate::record::{Held, Instrument, RecordChanges as _, Stored as _};
use crate::vault::VaultFault;

/// Steps 1402 to 1407: LU1 and its pending record 254. A negative amount unloads.
///
/// # Errors
/// No such instrument, or it may not do that.
pub fn load_unload(desk: &Desk, instrument: &str, amount: Money, env: &mut Env<'_>) -> Result<Begun, WalletFault> {
    let unknown = WalletFault::refused(Problem::INSTRUMENT_UNKNOWN);
    let instrument = &find(&desk.books.instruments, instrument).ok_or(unknown)?.record;
    let granted = if amount.minor < 0 { instrument.unloads } else { instrument.loads };
    if !granted {
        return Err(WalletFault::refused(Problem::FUNCTION_DISABLED));
    }
    let body = LoadUnload {
        server_date: desk.server_date(env),
        swversion: software(),
        amount: SignedMoney(amount),
        instrument: Family(recurring(desk, instrument)?),
        key: desk.key_label()?,
        signature: None,
    };
    let common = desk.request("cash", PendingFunds::ORIGINAL, &body, env)?;
    let persona = desk.books.persona()?.id.clone();
    let pending = PendingFunds { common, persona, instrument: instrument.id.clone(), amount };
    let mut changes = ChangeSet::new();
    changes.create(&pending);
    Ok(Begun { changes, pending: pending.key() })
}

/// The same movement, sent before and not answered yet: it is sent again instead of being made twice.
pub fn same_as_pending(books: &Books, instrument: &str, amount: Money) -> Option<String> {
    let same = |pending: &PendingFunds| pending.instrument == instrument && pending.amount == amount;
    books.funds.iter().find(|held| same(&held.record)).map(|held| held.record.key())
}

/// 230R.
fn recurring(desk: &Desk, instrument: &Instrument) -> Result<Recurring, WalletFault> {
    let json = desk.vault.open(Instrument::RECURRING, &instrument.id, &instrument.recurring)?;
    json::read(json.expose()).map_err(|_| VaultFault::Damaged.into())
}

impl Conversation for PendingFunds {
    type Reply = LoadUnloadResponse;
    type Output = Moved;
    const TYPES: &'static [&'static str] = &[reply_type::<LoadUnload>()];
    const MONEY: bool = true;

    fn all(books: &Books) -> &[Held<Self>] {
        &books.funds
    }

    /// Step 1419.
    fn answered(
        held: &Held<Self>,
        desk: &Desk,
        reply: Self::Reply,
        _: &mut Env<'_>,
    ) -> Result<Settled<Moved>, WalletFault> {
        let amount = reply.amount.map_or(held.record.amount, |amount| amount.0);
        let container = desk.books.container(amount.currency).told(reply.balance, reply.on_hold, reply.server_date);
        let mut changes = ChangeSet::new();
        changes.remove(held);
        desk.books.put_container(&container, &mut changes);
        held.record.log(desk, &reply, &mut changes);
        let size = Money::new(amount.currency, amount.minor.abs());
        let moved =
            Moved { amount: money_view(size), balance: money_view(container.available), fee: fee_view(reply.fee) };
        Ok(Settled { changes, result: Ok(moved) })
    }

    fn log(&self, desk: &Desk, reply: &Self::Reply, changes: &mut ChangeSet) {
        let instrument = find(&desk.books.instruments, &self.instrument);
        changes.write(&FundsLog {
            answer: answer(&self.common, &reply.outcome(), reply.swseverity.as_ref(), reply.swmessage.as_ref()),
            persona: self.persona.clone(),
            last_digits: instrument.map(|held| held.record.last_digits.clone()).unwrap_or_default(),
            amount: reply.amount.map_or(self.amount, |amount| amount.0),
            fee: reply.fee,
            balance: reply.balance,
            on_hold: reply.on_hold,
        });
    }
}
