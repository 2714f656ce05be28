//! Conversations under a server key: a signed, sealed request and its sealed reply.
//!
//! Client side: [`seal`] (procedure 800, fig. 9) and [`SentRequest::read_reply`] (procedure 1100, fig. 14).
//! Server side: [`OpenedRequest::open`] (procedure 900, fig. 11) and [`OpenedRequest::reply`] (procedure 1000, fig. 12).

use rand_core::CryptoRng;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::date::Date;
use crate::envelope::Envelope;
use crate::fault::{FormFault, marker, refuse_ambiguous};
use crate::keys::{PersonaKey, PublicKey, ServerKey};
use crate::message::{ErrorMessage, Reply, ReplyHead, Request, RequestHead};
use crate::pairs::Pairs;
use crate::persona::PersonaId;
use crate::suite::{CryptoFault, Item, OpenedSecret, Opener, Protocol, Purpose, SealKey};
use crate::template::{Presence, Record, hashed_items};
use crate::value::{Num, Reading, Token, from_base64, to_base64};

const TYPE: &str = "type";
const OPAQUE: &str = "opaque";
const SIGNATURE: &str = "signature";

/// A request ready to be sent, and what is needed to read its reply. Kept until the reply is there (records 251 to 256).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SentRequest {
    /// The message; sent again, it must be these bytes.
    pub text: String,
    /// What the reply has to name.
    pub head: ReplyHead,
    /// Which suite.
    pub protocol: Protocol,
    /// Opens the reply.
    pub reply_key: SealKey,
}

/// Assembles a request: signs it, seals its body, writes the envelope (procedure 800).
///
/// # Errors
/// A key that is not of the server key's suite.
pub fn seal<M: Request>(
    head: &RequestHead,
    body: &M,
    server: &ServerKey,
    signer: Option<&PersonaKey>,
    rng: &mut dyn CryptoRng,
) -> Result<SentRequest, CryptoFault> {
    let suite = server.protocol.suite();
    let mut transparent = Pairs::new();
    head.write("", &mut transparent);
    let mut opaque = typed::<M>(M::TYPE, body);
    if let Some(signer) = signer.filter(|_| M::SIGNED) {
        let input = suite.pairs(&signed_items::<M>(&transparent, &opaque));
        let signature = suite.sign(signer, Purpose::Request, &input, rng)?;
        opaque.push_base64(SIGNATURE, to_base64(&signature));
    }
    let aad = suite.pairs(&transparent.sorted_without(OPAQUE));
    let (sealed, reply_key) = suite.seal_request(&server.public, &aad, opaque.to_text().as_bytes(), rng)?;
    transparent.push_base64(OPAQUE, to_base64(&sealed));
    let text = Envelope { protocol: server.protocol, pairs: transparent }.write();
    Ok(SentRequest { text, head: head.reply(), protocol: server.protocol, reply_key })
}

/// A record with `type` before it.
fn typed<M: Record>(kind: &str, body: &M) -> Pairs {
    let mut pairs = Pairs::new();
    pairs.push_text(TYPE, kind);
    body.write("", &mut pairs);
    pairs
}

/// The items that a request's signature covers: in ascending byte order of the labels.
fn signed_items<'a, M: Request>(transparent: &'a Pairs, opaque: &'a Pairs) -> Vec<Item<'a>> {
    let mut items = hashed_items(RequestHead::FIELDS, transparent, "");
    let category = transparent.get("service-category").filter(|_| M::SIGNS_CATEGORY);
    items.extend(category.map(|value| ("service-category", value)));
    items.extend(opaque.get(TYPE).map(|value| (TYPE, value)));
    items.extend(hashed_items(M::FIELDS, opaque, ""));
    sort_by_label(&mut items);
    items
}

/// Not in [`signed_items`], which is compiled for every message: a sort each would be much of a wasm.
fn sort_by_label(items: &mut [Item<'_>]) {
    items.sort_by(|(left, _), (right, _)| left.as_bytes().cmp(right.as_bytes()));
}

/// A [`SentRequest`] as it is stored: JSON, and secret, since it holds the key of the reply.
#[derive(Clone, Serialize, Deserialize)]
pub struct StoredRequest {
    text: String,
    id: Option<PersonaId>,
    transaction: u64,
    date: Date,
    service_category: Option<String>,
    protocol: Protocol,
    reply_key: String,
}

impl From<&SentRequest> for StoredRequest {
    fn from(sent: &SentRequest) -> Self {
        let SentRequest { text, head, protocol, reply_key } = sent;
        let ReplyHead { id, transaction, date, service_category } = head.clone();
        let service_category = service_category.map(Token::into_string);
        let (text, reply_key) = (text.clone(), to_base64(reply_key.0.expose()));
        Self { text, id, transaction: transaction.get(), date, service_category, protocol: *protocol, reply_key }
    }
}

impl StoredRequest {
    /// The request, or nothing if what was stored is damaged.
    pub fn restore(&self) -> Option<SentRequest> {
        let service_category = match &self.service_category {
            Some(text) => Some(Token::of(text)?),
            None => None,
        };
        let transaction = Num::of(self.transaction)?;
        let head = ReplyHead { id: self.id.clone(), transaction, date: self.date, service_category };
        let reply_key = SealKey(from_base64(&self.reply_key)?.into());
        Some(SentRequest { text: self.text.clone(), head, protocol: self.protocol, reply_key })
    }
}

/// Why a reply cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ReplyFault {
    /// It is not a message, or not of the right form.
    #[error("the reply is malformed: {0}")]
    Form(#[from] FormFault),
    /// It answers another request, or speaks another protocol.
    #[error("the reply answers another request")]
    NotOurs,
    /// It cannot be opened: it is not from the server.
    #[error("the reply cannot be opened")]
    BadOpaque,
    /// The server answered `error` (6.13), which nothing authenticates: it is shown, and changes no balance.
    #[error("the server answered: {}", .0.problem)]
    Refused(Box<ErrorMessage>),
}

impl SentRequest {
    /// Reads the reply (procedure 1100); `other_types` are further values of `type` that the record may have.
    ///
    /// # Errors
    /// See [`ReplyFault`].
    pub fn read_reply<R: Reply>(&self, bytes: &[u8]) -> Result<R, ReplyFault> {
        self.read_reply_of(bytes, &[R::TYPE]).map(|(reply, _)| reply)
    }

    /// As [`SentRequest::read_reply`], where one of several types may come back; yields which one did.
    ///
    /// # Errors
    /// See [`ReplyFault`].
    pub fn read_reply_of<R: Reply>(&self, bytes: &[u8], types: &[&str]) -> Result<(R, String), ReplyFault> {
        let envelope = Envelope::parse(bytes)?;
        let reading = Reading::of(envelope.protocol);
        if envelope.pairs.get(TYPE) == Some(ErrorMessage::TYPE) {
            let error = ErrorMessage::read(&envelope.pairs, "", reading)?.check()?;
            return Err(ReplyFault::Refused(Box::new(error)));
        }
        let head = ReplyHead::read(&envelope.pairs, "", reading)?;
        if envelope.protocol != self.protocol || head != self.head {
            return Err(ReplyFault::NotOurs);
        }
        let contents = open_opaque(&envelope, |aad, sealed| self.protocol.suite().open(&self.reply_key, aad, sealed))
            .ok_or(ReplyFault::BadOpaque)?;
        let contents = parse_contents(&contents)?;
        let kind = contents.get(TYPE).ok_or_else(|| FormFault::Missing(TYPE.to_owned()))?;
        if !types.contains(&kind) {
            return Err(FormFault::OtherType { expected: R::TYPE, found: kind.to_owned() }.into());
        }
        Ok((R::read(&contents, "", reading)?, kind.to_owned()))
    }
}

/// Decodes `opaque` and opens it with the aad of its envelope.
fn open_opaque<T>(envelope: &Envelope, open: impl FnOnce(&[u8], &[u8]) -> Result<T, CryptoFault>) -> Option<T> {
    let sealed = envelope.pairs.get(OPAQUE).and_then(from_base64)?;
    let aad = envelope.protocol.suite().pairs(&envelope.pairs.sorted_without(OPAQUE));
    open(&aad, &sealed).ok()
}

/// Reads the decrypted contents of an opaque value.
pub(crate) fn parse_contents(bytes: &[u8]) -> Result<Pairs, FormFault> {
    Pairs::parse(std::str::from_utf8(bytes).map_err(|_| FormFault::NotText)?)
}

/// A request that the server could open. Its signature is not checked yet.
#[derive(Clone, Debug)]
pub struct OpenedRequest {
    /// The transparent part.
    pub head: RequestHead,
    protocol: Protocol,
    transparent: Pairs,
    contents: Pairs,
    reply_key: SealKey,
}

/// Why a request cannot be opened.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum OpenFault {
    /// The head is not of its form.
    #[error("the head is not of its form: {0}")]
    Form(#[from] FormFault),
    /// The server has no key of that name and protocol.
    #[error("no such server key")]
    ServerKeyUnknown,
    /// The opaque part cannot be opened.
    #[error("the opaque part cannot be opened")]
    BadOpaque,
}

impl OpenedRequest {
    /// Opens a request (procedure 900) with the private key that its head names.
    ///
    /// # Errors
    /// See [`OpenFault`]. Whatever is wrong inside the opaque part is [`OpenFault::BadOpaque`].
    pub fn open<'k>(
        envelope: &Envelope,
        find_key: impl FnOnce(&RequestHead, Protocol) -> Option<&'k dyn Opener>,
    ) -> Result<Self, OpenFault> {
        let head = RequestHead::read(&envelope.pairs, "", Reading::of(envelope.protocol))?;
        let opener = find_key(&head, envelope.protocol).ok_or(OpenFault::ServerKeyUnknown)?;
        let opened = open_opaque(envelope, |aad, sealed| opener.open(sealed, aad));
        let OpenedSecret { contents, reply_key } = opened.ok_or(OpenFault::BadOpaque)?;
        let contents = parse_contents(&contents).map_err(|_| OpenFault::BadOpaque)?;
        let (protocol, transparent) = (envelope.protocol, envelope.pairs.clone());
        Ok(Self { head, protocol, transparent, contents, reply_key })
    }

    /// Which suite the conversation uses.
    pub fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// The decrypted contents, as they stand.
    pub fn contents(&self) -> &Pairs {
        &self.contents
    }

    /// Label `type` of the contents.
    pub fn kind(&self) -> Option<&str> {
        self.contents.get(TYPE)
    }

    /// The body as a typed record (the form check of step 911).
    ///
    /// # Errors
    /// The first row that does not fit.
    pub fn body<M: Request>(&self) -> Result<M, FormFault> {
        if self.kind() != Some(M::TYPE) {
            let found = self.kind().unwrap_or_default().to_owned();
            return Err(FormFault::OtherType { expected: M::TYPE, found });
        }
        if M::ID == Presence::Required && self.head.id.is_none() {
            return Err(FormFault::Missing("id".to_owned()));
        }
        if M::SIGNED && self.contents.get(SIGNATURE).is_none() {
            return Err(FormFault::Missing(SIGNATURE.to_owned()));
        }
        let body = M::read(&self.contents, "", Reading::of(self.protocol))?;
        let fields = RequestHead::FIELDS.iter().chain(M::FIELDS);
        let mut labels: Vec<_> = fields.filter(|field| field.hashed).map(marker).collect();
        labels.sort();
        refuse_ambiguous(self.protocol, &labels, &signed_items::<M>(&self.transparent, &self.contents))?;
        Ok(body)
    }

    /// The bytes that the signature covers.
    pub fn signed_pairs<M: Request>(&self) -> Vec<u8> {
        self.protocol.suite().pairs(&signed_items::<M>(&self.transparent, &self.contents))
    }

    /// Checks the signature (step 912) over what came, not over what was made of it.
    ///
    /// # Errors
    /// It does not fit.
    pub fn verify<M: Request>(&self, key: &PublicKey) -> Result<(), CryptoFault> {
        let suite = self.protocol.suite();
        let signature = self.contents.get(SIGNATURE).and_then(from_base64).ok_or(CryptoFault)?;
        suite.verify(key, Purpose::Request, &self.signed_pairs::<M>(), &signature)
    }

    /// Assembles the reply (procedure 1000).
    ///
    /// # Errors
    /// None that a request which could be opened can cause.
    pub fn reply<R: Reply>(&self, body: &R, rng: &mut dyn CryptoRng) -> Result<String, CryptoFault> {
        self.reply_as(R::TYPE, body, rng)
    }

    /// As [`OpenedRequest::reply`], under another `type`.
    ///
    /// # Errors
    /// As [`OpenedRequest::reply`].
    pub fn reply_as<R: Reply>(&self, kind: &str, body: &R, rng: &mut dyn CryptoRng) -> Result<String, CryptoFault> {
        let suite = self.protocol.suite();
        let mut transparent = Pairs::new();
        self.head.reply().write("", &mut transparent);
        let aad = suite.pairs(&transparent.sorted_without(OPAQUE));
        let sealed = suite.seal(&self.reply_key, &aad, typed(kind, body).to_text().as_bytes(), rng)?;
        transparent.push_base64(OPAQUE, to_base64(&sealed));
        Ok(Envelope { protocol: self.protocol, pairs: transparent }.write())
    }
}

/// Writes `error` (6.13), copying what can be read of the request.
pub fn write_error(protocol: Protocol, request: Option<&Envelope>, error: &ErrorMessage) -> String {
    let mut error = error.clone();
    if let Some(envelope) = request {
        let reading = Reading::of(envelope.protocol);
        if let Ok(head) = ReplyHead::read(&envelope.pairs, "", reading) {
            (error.transaction, error.date) = (Some(head.transaction), Some(head.date));
        }
    }
    Envelope { protocol, pairs: typed(ErrorMessage::TYPE, &error) }.write()
}
