//! Applying a change set: one function per record, inside the one transaction.
//!
//! A record with a version is written only where the row still has the version it was read with.

use merchant_widget::till::Change;
use merchant_widget::till::change::Version;
use merchant_widget::till::record::{
    Batch, CollectionLog, Instrument, OpeningLog, Order, Pending, Persona, Purpose, Reference, SalesSession,
};
use merchant_widget::till::refund::RefundLog;
use merchant_widget::till::settlement::Settlement;
use protocol::date::Date;
use protocol::money::Money;
use protocol::outcome::Problem;
use protocol::value::{SessionId, Text, Value as _};
use rusqlite::{OptionalExtension as _, Transaction, named_params, params};

use super::StoreFault;
use super::events;
use super::rows::{StoredItem, flag_columns, purpose_name};

/// Applies one change.
pub fn apply(books: &Transaction<'_>, change: &Change) -> Result<(), StoreFault> {
    match change {
        Change::PutPersona(persona) => put_persona(books, persona),
        Change::PutInstrument(instrument) => put_instrument(books, instrument),
        Change::PutPending(pending) => put_pending(books, pending),
        Change::DeletePending(transaction) => {
            let number = whole(transaction.get());
            books
                .execute("DELETE FROM pending_320n WHERE transaction_number = ?1", [number])
                .map_err(Into::into)
                .map(drop)
        }
        Change::PutOrder(order) => put_order(books, order),
        Change::PutSession(session) => put_session(books, session),
        Change::PutOpening(log) => put_opening(books, log),
        Change::PutBatch(batch) => put_batch(books, batch),
        Change::PutCollection(log) => put_collection(books, log),
        Change::PutRefund(refund) => put_refund(books, refund),
        Change::PutSettlement(settlement) => put_settlement(books, settlement),
        Change::PutServerKey(key) => {
            let sql = "UPDATE persona_320 SET server_key = ?1, server_key_spki = ?2 WHERE protocol = ?3";
            one(books.execute(sql, params![key.name.as_str(), key.public.spki(), key.protocol.number()])?)
        }
    }
}

/// Numbers of the protocol are below 2^53.
fn whole(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn millis(date: Option<Date>) -> Option<i64> {
    date.map(Date::millis)
}

/// One row was written, or the version was another.
fn one(rows: usize) -> Result<(), StoreFault> {
    if rows == 1 { Ok(()) } else { Err(StoreFault::Conflict) }
}

fn put_persona(books: &Transaction<'_>, persona: &Persona) -> Result<(), StoreFault> {
    let Persona { id, protocol, private_key, public_key: _, server_key } = persona;
    let sql = "INSERT INTO persona_320 (one, persona_id, protocol, private_key, server_key, server_key_spki)
               VALUES (1, ?1, ?2, ?3, ?4, ?5)";
    let key = (server_key.name.as_str(), server_key.public.spki());
    one(books.execute(sql, params![id.as_str(), protocol.number(), private_key.pkcs8(), key.0, key.1])?)
}

fn put_instrument(books: &Transaction<'_>, instrument: &Instrument) -> Result<(), StoreFault> {
    let Instrument { number, status, recurring } = instrument;
    let recurring = serde_json::to_string(recurring).map_err(|_| StoreFault::Damaged("recurring"))?;
    let sql = "INSERT INTO instrument_330 (number, status, recurring) VALUES (?1, ?2, ?3)";
    one(books.execute(sql, params![number, status, recurring])?)
}

fn put_pending(books: &Transaction<'_>, pending: &Pending) -> Result<(), StoreFault> {
    let Pending { transaction, purpose, request } = pending;
    let sent = request.restore().ok_or(StoreFault::Damaged("request"))?;
    let json = serde_json::to_string(request).map_err(|_| StoreFault::Damaged("request"))?;
    let currency = if let Purpose::Opening(currency) = purpose { Some(currency.code()) } else { None };
    let subject = match purpose {
        Purpose::Closing(session) => Some(session.text().into_owned()),
        Purpose::Refund(refund) => Some(refund.to_string()),
        _ => None,
    };
    let (key, server) = match purpose {
        Purpose::Registration { private_key, server_key } => (Some(private_key.pkcs8()), Some(server_key)),
        _ => (None, None),
    };
    let sql = "INSERT INTO pending_320n (transaction_number, purpose, currency, private_key, server_key,
               server_key_spki, protocol, request, subject) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
    let name = server.map(|key| key.name.as_str());
    let spki = server.map(|key| key.public.spki());
    let number = whole(transaction.get());
    let purpose = purpose_name(purpose);
    let protocol = sent.protocol.number();
    one(books.execute(sql, params![number, purpose, currency, key, name, spki, protocol, json, subject])?)
}

fn put_order(books: &Transaction<'_>, order: &Order) -> Result<(), StoreFault> {
    let Order { version, id, flag, collecting, paid, .. } = order;
    let (flag, problem) = flag_columns(flag);
    if *version == Version::default() {
        insert_order(books, order)?;
        return events::of_new_order(books, order);
    }
    let before = flag_before(books, order)?;
    let sql = "UPDATE order_350 SET version = version + 1, flag = :flag, problem = :problem, collecting = :collecting,
               paid = :paid WHERE order_id = :id AND version = :version";
    let values = named_params! {
        ":flag": flag, ":problem": problem, ":collecting": collecting, ":paid": millis(*paid),
        ":id": id.as_str(), ":version": whole(version.0),
    };
    one(books.execute(sql, values)?)?;
    if before.as_deref() == Some(flag) { Ok(()) } else { events::of_order(books, order) }
}

/// Flag 350C as it stands.
fn flag_before(books: &Transaction<'_>, order: &Order) -> Result<Option<String>, StoreFault> {
    let mut statement = books.prepare_cached("SELECT flag FROM order_350 WHERE order_id = ?1")?;
    Ok(statement.query_row([order.id.as_str()], |row| row.get(0)).optional()?)
}

fn insert_order(books: &Transaction<'_>, order: &Order) -> Result<(), StoreFault> {
    let Order { version: _, id, amount, flag, collecting, reference, note_hash, placed, expires, paid, .. } = order;
    let (flag, problem) = flag_columns(flag);
    let sql = "INSERT INTO order_350 (order_id, version, currency, amount, flag, problem, collecting, reference,
               note_hash, placed, expires, paid, payment_request, items)
               VALUES (:id, 1, :currency, :amount, :flag, :problem, :collecting, :reference, :hash, :placed, :expires,
               :paid, :request, :items)";
    let items: Vec<_> = order.items.iter().map(StoredItem::from).collect();
    let items = serde_json::to_string(&items).map_err(|_| StoreFault::Damaged("items"))?;
    let values = named_params! {
        ":id": id.as_str(), ":currency": amount.currency.code(), ":amount": amount.minor, ":flag": flag,
        ":problem": problem, ":collecting": collecting, ":reference": reference.as_ref().map(Reference::as_str),
        ":hash": note_hash.as_slice(), ":placed": placed.millis(), ":expires": expires.millis(),
        ":paid": millis(*paid), ":request": order.payment_request, ":items": items,
    };
    one(books.execute(sql, values)?)
}

fn put_session(books: &Transaction<'_>, session: &SalesSession) -> Result<(), StoreFault> {
    let SalesSession { version, id, current, closed, used, .. } = session;
    if *version == Version::default() {
        return insert_session(books, session);
    }
    let sql = "UPDATE sales_session_360 SET version = version + 1, collected = :collected, closed = :closed,
               used = :used WHERE session_id = :id AND version = :version";
    let values = named_params! {
        ":collected": current.minor, ":closed": millis(*closed), ":used": used, ":id": id.as_slice(),
        ":version": whole(version.0),
    };
    one(books.execute(sql, values)?)
}

fn insert_session(books: &Transaction<'_>, session: &SalesSession) -> Result<(), StoreFault> {
    let SalesSession { id, protocol, secrets, current, opened, closed, use_limit, lifetime_minutes, used, .. } =
        session;
    let sql = "INSERT INTO sales_session_360 (session_id, version, protocol, session_key, session_salt, currency,
               collected, opened, closed, use_limit, lifetime_minutes, used)
               VALUES (:id, 1, :protocol, :key, :salt, :currency, :collected, :opened, :closed, :uses, :minutes,
               :used)";
    let values = named_params! {
        ":id": id.as_slice(), ":protocol": protocol.number(), ":key": secrets.key.expose(),
        ":salt": secrets.salt.expose(), ":currency": current.currency.code(), ":collected": current.minor,
        ":opened": opened.millis(), ":closed": millis(*closed), ":uses": use_limit.get(),
        ":minutes": whole(lifetime_minutes.get()), ":used": used,
    };
    one(books.execute(sql, values)?)
}

fn put_opening(books: &Transaction<'_>, log: &OpeningLog) -> Result<(), StoreFault> {
    let OpeningLog { status, transaction, minutes, uses, session, result } = log;
    let sql = "INSERT INTO cash_log_370_sessions (transaction_number, status, minutes, uses, session_id, result)
               VALUES (:number, :status, :minutes, :uses, :session, :result)
               ON CONFLICT (transaction_number) DO UPDATE SET status = excluded.status, minutes = excluded.minutes,
               uses = excluded.uses, session_id = excluded.session_id, result = excluded.result";
    let values = named_params! {
        ":number": whole(transaction.get()), ":status": status.as_str(), ":minutes": whole(minutes.get()),
        ":uses": uses.get(), ":session": session.as_ref().map(SessionId::as_slice),
        ":result": result.as_ref().map(Problem::code),
    };
    one(books.execute(sql, values)?)
}

fn put_batch(books: &Transaction<'_>, batch: &Batch) -> Result<(), StoreFault> {
    let Batch { id, payments, ca2, answered } = batch;
    let sql = "INSERT INTO batch_ca2 (session_id, batch_index, payments, ca2, answered) VALUES (?1, ?2, ?3, ?4, ?5)
               ON CONFLICT (session_id, batch_index) DO UPDATE SET answered = excluded.answered
               WHERE ca2 = excluded.ca2 AND answered = 0";
    one(books.execute(sql, params![id.session.as_slice(), id.index.get(), payments, ca2, answered])?)
}

fn put_collection(books: &Transaction<'_>, log: &CollectionLog) -> Result<(), StoreFault> {
    let CollectionLog { version, payment, status, batch, position, attempts, credited, fee, result, answer, .. } = log;
    if *version == Version::default() {
        return insert_collection(books, log);
    }
    let sql = "UPDATE cash_log_370 SET version = version + 1, status = :status, session_id = :session,
               batch_index = :index, position = :position, attempts = :attempts, credited = :credited,
               credited_currency = :credited_currency, fee = :fee, fee_currency = :fee_currency, result = :result,
               answer = :answer WHERE payment = :payment AND version = :version";
    let (credited, fee) = (columns(*credited), columns(*fee));
    let values = named_params! {
        ":status": status.as_str(), ":session": batch.session.as_slice(), ":index": batch.index.get(),
        ":position": position, ":attempts": attempts, ":credited": credited.1, ":credited_currency": credited.0,
        ":fee": fee.1, ":fee_currency": fee.0, ":result": result.as_ref().map(Problem::code), ":answer": answer,
        ":payment": payment, ":version": whole(version.0),
    };
    one(books.execute(sql, values)?)
}

/// Currency and minor units of an amount that may be absent.
fn columns(money: Option<Money>) -> (Option<String>, Option<i64>) {
    (money.map(|money| money.currency.code().to_owned()), money.map(|money| money.minor))
}

fn insert_collection(books: &Transaction<'_>, log: &CollectionLog) -> Result<(), StoreFault> {
    let sql = "INSERT INTO cash_log_370 (payment, version, status, order_id, customer_session, customer_index,
               session_id, batch_index, position, attempts, currency, requested, result, ca1, answer, received)
               VALUES (:payment, 1, :status, :order, :customer_session, :customer_index, :session, :index, :position,
               :attempts, :currency, :requested, :result, :ca1, :answer, :received)";
    let values = named_params! {
        ":payment": log.payment, ":status": log.status.as_str(), ":order": log.order_id.as_str(),
        ":customer_session": log.customer_session.as_slice(), ":customer_index": log.customer_index.get(),
        ":session": log.batch.session.as_slice(), ":index": log.batch.index.get(), ":position": log.position,
        ":attempts": log.attempts, ":currency": log.requested.currency.code(), ":requested": log.requested.minor,
        ":result": log.result.as_ref().map(Problem::code), ":ca1": log.ca1, ":answer": log.answer,
        ":received": log.received.millis(),
    };
    one(books.execute(sql, values)?)
}

fn put_refund(books: &Transaction<'_>, refund: &RefundLog) -> Result<(), StoreFault> {
    let RefundLog { version, id, status, transaction, returned, result, done, .. } = refund;
    if *version == Version::default() {
        return insert_refund(books, refund);
    }
    let sql = "UPDATE cash_log_370_refunds SET version = version + 1, status = :status, transaction_number = :number,
               returned = :returned, returned_currency = :returned_currency, result = :result, done = :done
               WHERE refund_id = :id AND version = :version";
    let returned = columns(*returned);
    let values = named_params! {
        ":status": status.as_str(), ":number": whole(transaction.get()), ":returned": returned.1,
        ":returned_currency": returned.0, ":result": result.as_ref().map(Problem::code), ":done": millis(*done),
        ":id": id.as_str(), ":version": whole(version.0),
    };
    one(books.execute(sql, values)?)?;
    events::of_refund(books, refund)
}

fn insert_refund(books: &Transaction<'_>, refund: &RefundLog) -> Result<(), StoreFault> {
    let RefundLog { id, order_id, payment, amount, note, status, transaction, asked, .. } = refund;
    let sql = "INSERT INTO cash_log_370_refunds (refund_id, version, order_id, payment, currency, amount, note, status,
               transaction_number, asked)
               VALUES (:id, 1, :order, :payment, :currency, :amount, :note, :status, :number, :asked)";
    let values = named_params! {
        ":id": id.as_str(), ":order": order_id.as_str(), ":payment": payment, ":currency": amount.currency.code(),
        ":amount": amount.minor, ":note": note.as_ref().map(Text::as_str), ":status": status.as_str(),
        ":number": whole(transaction.get()), ":asked": asked.millis(),
    };
    one(books.execute(sql, values)?)
}

fn put_settlement(books: &Transaction<'_>, settlement: &Settlement) -> Result<(), StoreFault> {
    let Settlement { version, transaction, amount, status, balance, result, asked, done } = settlement;
    if *version == Version::default() {
        let sql = "INSERT INTO settlement (transaction_number, version, currency, amount, status, asked)
                   VALUES (?1, 1, ?2, ?3, ?4, ?5)";
        let (number, currency) = (whole(transaction.get()), amount.currency.code());
        return one(books.execute(sql, params![number, currency, amount.minor, status.as_str(), asked.millis()])?);
    }
    let sql = "UPDATE settlement SET version = version + 1, status = :status, balance = :balance, result = :result,
               done = :done WHERE transaction_number = :number AND version = :version";
    let values = named_params! {
        ":status": status.as_str(), ":balance": balance.map(|balance| balance.minor),
        ":result": result.as_ref().map(Problem::code), ":done": millis(*done), ":number": whole(transaction.get()),
        ":version": whole(version.0),
    };
    one(books.execute(sql, values)?)?;
    events::of_settlement(books, settlement)
}
