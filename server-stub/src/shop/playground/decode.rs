//! A payment's messages label by label, the sealed parts opened: the server here is the sandbox's own.

use protocol::collect::open_in_session;
use protocol::envelope::Envelope;
use protocol::pairs::Pairs;
use protocol::secret::SessionSecrets;
use protocol::suite::{Protocol, SessionMessage};
use protocol::value::{Index, Reading, SessionId, Value as _, from_base64};

use super::tape::{Payment, carried, value};
use crate::server::Server;

/// Labels and values, in their order.
pub type Lines = Vec<(String, String)>;

/// A message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    /// `CA1`.
    pub name: &'static str,
    /// What travels in the clear.
    pub clear: Lines,
    /// The sealed values by their labels, opened.
    pub sealed: Vec<(String, Lines)>,
}

/// Whose secrets open a value, and as what it was sealed.
struct Seal<'a> {
    label: String,
    message: SessionMessage,
    session: &'a Option<(SessionSecrets, Index)>,
}

/// The messages of a payment, after the offer that it answers.
pub async fn messages(server: &Server, offer: &str, payment: &Payment) -> Vec<Message> {
    let payer = session(server, Some(&payment.ca1)).await;
    let payee = session(server, payment.ca2.as_ref()).await;
    let opaque = value(&payment.ca1, "opaque").unwrap_or_default();
    let customer = payment.ca2.as_deref().and_then(|ca2| carried(ca2, &opaque)).unwrap_or_default();
    let of_payee = |message| Seal { label: "merchant-opaque".to_owned(), message, session: &payee };
    let of_payer = |label: &str, message| Seal { label: label.to_owned(), message, session: &payer };
    let sent = |text: &Option<String>| text.clone().unwrap_or_default();
    let all = [
        message("PR1", offer, &[]),
        message("CA1", &payment.ca1, &[of_payer("opaque", SessionMessage::Payment)]),
        message(
            "CA2",
            &sent(&payment.ca2),
            &[of_payee(SessionMessage::Collection), of_payer(&customer, SessionMessage::Payment)],
        ),
        message(
            "CA3",
            &sent(&payment.ca3),
            &[of_payee(SessionMessage::MerchantReceipt), of_payer(&customer, SessionMessage::PayerReceipt)],
        ),
        message("CA4", &sent(&payment.ca4), &[of_payer("opaque", SessionMessage::PayerReceipt)]),
    ];
    all.into_iter().flatten().collect()
}

/// Secrets and index of the session that a message names.
async fn session(server: &Server, message: Option<&String>) -> Option<(SessionSecrets, Index)> {
    let id = SessionId::parse(&value(message?, "session-id")?, Reading::STRICT)?;
    let index = Index::parse(&value(message?, "index")?, Reading::STRICT)?;
    let session = server.store().session(&id).await.ok()??;
    Some((session.secrets, index))
}

/// One message; nothing where it was never sent.
fn message(name: &'static str, text: &str, seals: &[Seal<'_>]) -> Option<Message> {
    let Envelope { protocol, pairs } = Envelope::parse(text.as_bytes()).ok()?;
    let opened = seals.iter().filter_map(|seal| Some((seal.label.clone(), lines(&open(protocol, &pairs, seal)?))));
    Some(Message { name, clear: lines(&pairs), sealed: opened.collect() })
}

fn open(protocol: Protocol, pairs: &Pairs, seal: &Seal<'_>) -> Option<Pairs> {
    let (secrets, index) = seal.session.as_ref()?;
    open_in_session(protocol, secrets, seal.message, *index, &from_base64(pairs.get(&seal.label)?)?).ok()
}

fn lines(pairs: &Pairs) -> Lines {
    pairs.iter().map(|(label, value)| (label.to_owned(), value.to_owned())).collect()
}
