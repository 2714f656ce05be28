//! Every record of the table of messages: what one reads, it writes so that it reads the same.

use protocol::Protocol;
use protocol::message::autoclose::{AutoclosePersona, AutocloseResponse};
use protocol::message::binding::{BindAnswer, BindInstrument, BindResponse};
use protocol::message::funds::{LoadUnload, LoadUnloadResponse};
use protocol::message::offer::PaymentRequest;
use protocol::message::payment::{
    BatchEnd, BatchHead, BatchReceipt, Collected, CollectionHead, PayerReceipt, PayerReceiptHead, Payment, PaymentBody,
    PaymentReceipt,
};
use protocol::message::refund::{RefundPayment, RefundResponse};
use protocol::message::registration::{Registration, RegistrationResponse};
use protocol::message::report::{MessageReport, NoReply};
use protocol::message::session::{CloseSession, CloseSessionResponse, OpenSession, OpenSessionResponse};
use protocol::message::statement::{StatementRequest, StatementResponse};
use protocol::message::{ErrorMessage, ReplyHead, RequestHead};
use protocol::pairs::Pairs;
use protocol::template::{Field, Record, hashed_items};
use protocol::value::Reading;

use super::{choice, protocol_of};

/// A record's rows and its reader, for one suffix.
type Entry = (&'static [Field], fn(&Pairs, Protocol));

macro_rules! entries {
    ($($record:ty),* $(,)?) => { &[$((<$record as Record>::FIELDS, check::<$record>)),*] };
}

/// The table, in the order of the specification. New entries go to the end: the first byte of a kept input names one.
pub const ENTRIES: &[Entry] = entries![
    RequestHead,
    ReplyHead,
    ErrorMessage,
    Registration,
    RegistrationResponse,
    BindInstrument,
    BindResponse,
    BindAnswer,
    LoadUnload,
    LoadUnloadResponse,
    OpenSession,
    OpenSessionResponse,
    CloseSession,
    CloseSessionResponse,
    PaymentRequest,
    Payment,
    PaymentBody,
    BatchHead,
    CollectionHead,
    Collected,
    BatchReceipt,
    PaymentReceipt,
    BatchEnd,
    PayerReceipt,
    PayerReceiptHead,
    AutoclosePersona,
    AutocloseResponse,
    MessageReport,
    NoReply,
    RefundPayment,
    RefundResponse,
    StatementRequest,
    StatementResponse,
];

pub fn run(data: &[u8]) {
    let Some((entry, rest)) = choice(data) else { return };
    let Some((protocol, text)) = choice(rest) else { return };
    let Some(pairs) = std::str::from_utf8(text).ok().and_then(|text| Pairs::parse(text).ok()) else { return };
    let (_, check) = ENTRIES[usize::from(entry) % ENTRIES.len()];
    check(&pairs, protocol_of(protocol));
}

fn check<R: Record + PartialEq + std::fmt::Debug>(pairs: &Pairs, protocol: Protocol) {
    for suffix in ["", "_1"] {
        let Ok(record) = R::read(pairs, suffix, Reading::of(protocol)) else { continue };
        let mut written = Pairs::new();
        record.write(suffix, &mut written);
        let text = written.to_text();
        let again = Pairs::parse(&text).expect("our own section");
        // What is written is strict, whatever was read leniently.
        assert_eq!(R::read(&again, suffix, Reading::STRICT).as_ref(), Ok(&record), "{text}");
        let hashed = |pairs| hashed_items(R::FIELDS, pairs, suffix).len();
        assert_eq!(hashed(&again), hashed(pairs), "no hashed field is lost or added");
    }
}
