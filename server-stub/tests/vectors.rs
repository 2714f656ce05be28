//! The exchanges of an independent implementation: our server takes the very same bytes and says the same.

mod common;

use std::collections::BTreeMap;

use common::{Kind, World, bytes, money, value, vectors};
use protocol::Protocol;
use protocol::collect::{Collection, Receipts};
use protocol::date::Date;
use protocol::envelope::Envelope;
use protocol::exchange::SentRequest;
use protocol::message::binding::BindResponse;
use protocol::message::funds::LoadUnloadResponse;
use protocol::message::registration::RegistrationResponse;
use protocol::message::session::{CloseSessionResponse, OpenSessionResponse};
use protocol::message::{Reply, ReplyHead};
use protocol::pairs::Pairs;
use protocol::persona::PersonaId;
use protocol::secret::SessionSecrets;
use protocol::suite::{KeyInput, SealKey, SessionMessage};
use protocol::template::Record;
use protocol::value::{Index, Reading, SessionId, Version1, from_base64};
use serde_json::Value;
use server_stub::store::record::{Entry, Reason, Session, SessionStatus};
use server_stub::store::{Account, Change, ChangeSet};

/// What differs between two servers that do the same.
const INCIDENTAL: [&str; 8] = [
    "server-date",
    "message",
    "swmessage",
    "instrument-issuer",
    "foreign-exchange",
    "session-id",
    "session-key",
    "session-salt",
];

fn text<'a>(json: &'a Value, key: &str) -> &'a str {
    json[key].as_str().unwrap_or_else(|| panic!("{key} is a text"))
}

/// When the client of a case thought it was.
fn date_of(case: &Value) -> Date {
    let contents = Pairs::parse(text(case, "request_contents")).expect("pairs");
    value(contents.get("server-date").expect("a date"))
}

fn telling(reply: &impl Record) -> BTreeMap<String, String> {
    let mut pairs = Pairs::new();
    reply.write("", &mut pairs);
    let telling = pairs.iter().filter(|(label, _)| !INCIDENTAL.contains(label) && !label.starts_with("log_"));
    telling.map(|(label, value)| (label.to_owned(), value.to_owned())).collect()
}

/// Sends the request of a case and compares the reply with that of the case.
async fn same_reply<R: Reply>(world: &mut World, case: &Value) {
    let message = text(case, "request");
    let pairs = Envelope::parse(message.as_bytes()).expect("a message").pairs;
    let sent = SentRequest {
        text: message.to_owned(),
        head: ReplyHead::read(&pairs, "", Reading::STRICT).expect("a head"),
        protocol: world.protocol,
        reply_key: SealKey(bytes(case, "reply_secret").into()),
    };
    world.now = date_of(case);
    let reply = world.send(message).await;
    let ours: R = sent.read_reply(reply.as_bytes()).expect("our reply");
    let theirs: R = sent.read_reply(text(case, "reply").as_bytes()).expect("their reply");
    assert_eq!(telling(&ours), telling(&theirs));
    assert_eq!(world.send(message).await, reply, "the same again");
}

fn cases(json: &Value) -> &[Value] {
    json["exchanges"].as_array().expect("cases")
}

async fn exchanges(world: &mut World) {
    let json = vectors(world.protocol);
    for case in cases(&json) {
        match text(case, "message") {
            "registration" => same_reply::<RegistrationResponse>(world, case).await,
            "bind-instrument" => same_reply::<BindResponse>(world, case).await,
            "load-unload-funds" => same_reply::<LoadUnloadResponse>(world, case).await,
            "open-session" => same_reply::<OpenSessionResponse>(world, case).await,
            // After the payment: see below.
            "close-session" => {}
            other => panic!("a vector for an unknown message {other}"),
        }
    }
}

/// The file's payment and the close after it, in sessions that have the secrets of the file.
async fn payment_and_close(world: &mut World) {
    let json = vectors(world.protocol);
    for case in cases(&json).iter().filter(|case| !text(case, "message").ends_with("-session")) {
        world.now = date_of(case);
        world.send(text(case, "request")).await;
    }
    session_of_file(world, &json, "customer", 1, "brianb-40", "usd 70.00").await;
    session_of_file(world, &json, "merchant", 2, "acme-82", "usd 0.00").await;
    world.pass_millis(10);
    let ca3 = world.send(text(&json["payment"], "ca2")).await;
    compare_ca3(world, &json, &ca3);
    same_reply::<CloseSessionResponse>(world, cases(&json).last().expect("a case")).await;
}

/// A session of the file, as if our server had opened it.
async fn session_of_file(world: &World, json: &Value, who: &str, id: u64, owner: &str, opening: &str) {
    let owner: PersonaId = value(owner);
    let session = Session {
        id: SessionId::of_number(id),
        protocol: world.protocol,
        secrets: secrets(&json[format!("{who}_session")]),
        opening: money(opening),
        current: money(opening),
        opened: world.now,
        lifetime_minutes: 120,
        use_limit: Index::of(25).expect("uses"),
        uses: 0,
        persona: owner.clone(),
        status: SessionStatus::Open,
        memo: String::new(),
    };
    let mut changes = ChangeSet::default();
    changes.push(Change::Journal(Entry {
        date: world.now,
        reason: Reason::Open,
        debit: Account::Container(owner, session.opening.currency),
        credit: session.account(),
        amount: session.opening,
        reference: id.to_string(),
    }));
    changes.push(Change::Open(Box::new(session)));
    world.store.commit(changes).await.expect("a session");
}

fn secrets(json: &Value) -> SessionSecrets {
    SessionSecrets { key: bytes(json, "key").into(), salt: bytes(json, "salt").into() }
}

/// Both parts of CA3, opened, are word for word those of the file.
fn compare_ca3(world: &World, json: &Value, ca3: &str) {
    let case = &json["payment"];
    let (payer, merchant) = (secrets(&json["customer_session"]), secrets(&json["merchant_session"]));
    let index = Index::FIRST;
    let open = |secrets: &SessionSecrets, message, opaque: &[u8]| {
        let suite = world.protocol.suite();
        let key = suite.message_key(secrets, KeyInput { message, version: Version1::NUMBER, index }).expect("a key");
        String::from_utf8(suite.open(&key, &[], opaque).expect("it opens")).expect("text")
    };
    let pairs = Envelope::parse(ca3.as_bytes()).expect("a message").pairs;
    let opaque = |label: &str| from_base64(pairs.get(label).expect("an opaque value")).expect("base64");
    let contents = open(&merchant, SessionMessage::MerchantReceipt, &opaque("merchant-opaque"));
    assert_eq!(contents, text(case, "ca3_merchant_contents"));
    let contents = open(&payer, SessionMessage::PayerReceipt, &opaque("customer-opaque_1"));
    assert_eq!(contents, text(case, "ca3_customer_contents"));
    let ca2 = Envelope::parse(text(case, "ca2").as_bytes()).expect("a message");
    let head = Collection::read(&ca2).expect("a CA2").head;
    assert!(Receipts::read(ca3.as_bytes(), world.protocol, &merchant, &head, 1).is_ok());
    if world.protocol == Protocol::V1 {
        // 1.0 has no randomness here: the very same bytes.
        assert_eq!(ca3, text(case, "ca3"));
    }
}

everywhere! {
    exchanges
    payment_and_close
}

#[tokio::test]
async fn malformed_messages_leave_no_trace() {
    for protocol in Protocol::ALL {
        let mut world = World::new(protocol, Kind::Memory);
        for (name, message) in vectors(protocol)["malformed"].as_object().expect("cases") {
            let message = message.as_str().expect("a text").as_bytes();
            let answer = world.server.handle(message, world.now, &mut world.rng).await;
            assert!(matches!(answer, server_stub::server::Answer::Malformed(_)), "{name}: {answer:?}");
        }
    }
}
