//! A payment server in memory: enough of procedures 900, 1000, 1660 and 3400 to hold a wallet to account.

use std::collections::BTreeMap;

use protocol::Protocol;
use protocol::collect::{Collection, CustomerPart, Verdicts, write_receipts};
use protocol::date::Date;
use protocol::envelope::Envelope;
use protocol::exchange::{OpenFault, OpenedRequest, write_error};
use protocol::keys::{PersonaKey, PublicKey, ServerKey};
use protocol::message::autoclose::{AutoclosePersona, AutocloseResponse};
use protocol::message::binding::{BindAnswer, BindInstrument, BindResponse, CHALLENGE_TYPE, ChallengeId};
use protocol::message::funds::{LoadUnload, LoadUnloadResponse};
use protocol::message::key::{KeyChange, KeyResponse};
use protocol::message::payment::{
    BATCH_RECEIPT_TYPE, BatchReceipt, PAYMENT_RECEIPT_TYPE, PayerReceipt, PaymentReceipt,
};
use protocol::message::registration::{Registration, RegistrationResponse};
use protocol::message::session::{CloseSession, CloseSessionResponse, OpenSession, OpenSessionResponse};
use protocol::message::statement::{
    ContainerLine, EntryKind, EntryLine, EntryPayment, SessionLine, StatementRequest, StatementResponse,
};
use protocol::message::{ErrorMessage, Reply, Request};
use protocol::money::{Currency, Money, SignedMoney};
use protocol::outcome::{Problem, ResponseCode};
use protocol::persona::{PersonaId, RequestedId};
use protocol::secret::SessionSecrets;
use protocol::suite::{Opener, RsaOpener, X25519Opener};
use protocol::template::{Family, Numbered};
use protocol::value::{
    Bytes, Count, Index, Num, Reading, ServerKeyName, SessionId, Text, Token, Value as _, Version1, YesNo, to_base64,
};

use super::Counting;

/// What a session has left, and whose it is.
pub struct BankSession {
    pub owner: PersonaId,
    pub secrets: SessionSecrets,
    pub left: Money,
    pub opening: Money,
    pub opened_at: Date,
    pub minutes: i64,
    pub use_limit: u32,
    pub paid: BTreeMap<u16, Collected>,
    pub over: bool,
    /// What the CS1 that closed it has cost.
    pub fee: Option<Money>,
}

/// One payment that was collected.
#[derive(Clone)]
pub struct Collected {
    pub payee: PersonaId,
    pub order: String,
    pub amount: Money,
    pub opaque: Vec<u8>,
}

/// The server and its bank.
pub struct Bank {
    pub protocol: Protocol,
    pub now: Date,
    pub rng: Counting,
    opener: Box<dyn Opener>,
    pub key: ServerKey,
    pub personas: BTreeMap<PersonaId, PublicKey>,
    pub available: Money,
    pub sessions: BTreeMap<SessionId, BankSession>,
    /// Answered requests and their replies (140).
    log: BTreeMap<(String, u64), (String, String)>,
    /// How many requests had an effect, by type.
    pub effects: BTreeMap<String, usize>,
    /// Refuses the next request of a type with a problem.
    pub refuse: BTreeMap<&'static str, Problem>,
    /// Asks the issuer's question when a card is bound.
    pub challenges: bool,
    /// What a CS1 costs that closes a session.
    pub close_fee: Option<Money>,
    next_session: u64,
    pub reports: usize,
    /// What statements tell.
    entries: Vec<EntryLine>,
    /// The persona was closed by AC1, and so much went to its instrument.
    pub closed: bool,
    pub sent_home: Money,
}

fn usd(minor: i64) -> Money {
    Money::new(Currency::of("usd").expect("a currency"), minor)
}

impl Bank {
    pub fn new(protocol: Protocol, now: Date) -> Self {
        let mut rng = Counting(77);
        let (opener, public): (Box<dyn Opener>, PublicKey) = match protocol {
            Protocol::V2 => {
                let opener = X25519Opener::of_bytes(&[7; 32]).expect("a key");
                let public = opener.public_key().expect("a key");
                (Box::new(opener), public)
            }
            Protocol::V1 => {
                let key: PersonaKey = protocol.suite().generate(&mut rng).expect("a key");
                let public = protocol.suite().public_key(&key).expect("a key");
                (Box::new(RsaOpener::of_pkcs8(key.pkcs8()).expect("a key")), public)
            }
        };
        let key = ServerKey { name: ServerKeyName::of("CC1001").expect("a name"), protocol, public };
        Self {
            protocol,
            now,
            rng,
            opener,
            key,
            personas: BTreeMap::new(),
            available: usd(0),
            sessions: BTreeMap::new(),
            log: BTreeMap::new(),
            effects: BTreeMap::new(),
            refuse: BTreeMap::new(),
            challenges: false,
            close_fee: None,
            next_session: 41,
            reports: 0,
            entries: Vec::new(),
            closed: false,
            sent_home: usd(0),
        }
    }

    /// Publishes another name for its key, and knows the old one no more.
    pub fn rotate(&mut self) {
        self.key.name = ServerKeyName::of("CC1002").expect("a name");
    }

    /// All the money there is: nothing is made or lost but by loads.
    pub fn total(&self) -> Money {
        let sessions: i64 =
            self.sessions.values().filter(|session| !session.over).map(|session| session.left.minor).sum();
        usd(self.available.minor + sessions)
    }

    pub fn published(&self) -> String {
        let number = self.protocol.number();
        format!(
            r#"{{"protocols":["{number}"],"keys":[{{"serverkey":"{}","protocol":"{number}","algorithm":"x","spki":"{}"}}],
            "currencies":["usd"],"agreements":[{{"number":75,"title":"Terms","url":"https://example.com/75"}}]}}"#,
            self.key.name.as_str(),
            to_base64(self.key.public.spki())
        )
    }

    /// `POST /cybercash`.
    pub fn answer(&mut self, message: &str) -> String {
        let envelope = Envelope::parse(message.as_bytes()).expect("a well-formed message");
        let opened =
            OpenedRequest::open(&envelope, |head, _| (head.serverkey == self.key.name).then_some(&*self.opener));
        let opened = match opened {
            Ok(opened) => opened,
            Err(OpenFault::ServerKeyUnknown) => {
                return write_error(self.protocol, Some(&envelope), &ErrorMessage::of(Problem::SERVERKEY_UNKNOWN));
            }
            Err(_) => return write_error(self.protocol, Some(&envelope), &ErrorMessage::of(Problem::BAD_OPAQUE)),
        };
        let who = opened.head.id.as_ref().map_or_else(String::new, |id| id.as_str().to_owned());
        let key = (who, opened.head.transaction.get());
        if let Some((request, reply)) = self.log.get(&key) {
            assert_eq!(request, message, "a transaction number stands for one message");
            return reply.clone();
        }
        self.sweep();
        let kind = opened.kind().expect("a type").to_owned();
        let reply = match kind.as_str() {
            "registration" => self.register(&opened),
            "bind-instrument" => self.bind(&opened),
            "bind-instrument-answer" => self.bind_answer(&opened),
            "load-unload-funds" => self.load(&opened),
            "open-session" => self.open(&opened),
            "close-session" => self.close(&opened),
            "autoclose-persona" => self.autoclose(&opened),
            "statement-request" => self.statement(&opened),
            "persona-key-change" => self.change_key(&opened),
            "message-report" => {
                self.reports += 1;
                return String::new();
            }
            other => panic!("an unexpected {other}"),
        };
        if kind == "statement-request" {
            return reply;
        }
        *self.effects.entry(kind).or_default() += 1;
        self.log.insert(key, (message.to_owned(), reply.clone()));
        reply
    }

    fn body<M: Request>(&mut self, opened: &OpenedRequest) -> (M, Option<Problem>) {
        let body: M = opened.body().expect("a body of its form");
        if let Some(id) = &opened.head.id {
            opened.verify::<M>(&self.personas[id]).expect("a signature that fits");
        }
        (body, self.refuse.remove(M::TYPE))
    }

    fn reply<R: Reply>(&mut self, opened: &OpenedRequest, reply: &R) -> String {
        opened.reply(reply, &mut self.rng).expect("a reply")
    }

    fn register(&mut self, opened: &OpenedRequest) -> String {
        let (body, mut problem): (Registration, _) = self.body(opened);
        let key = PublicKey::of_spki(body.pubkey.as_slice().to_vec());
        opened.verify::<Registration>(&key).expect("a signature that fits");
        let mut id = PersonaId::of(&body.requested_id);
        if self.personas.contains_key(&id) {
            problem = problem.or(Some(Problem::ID_IN_USE));
            let free = format!("{}7", body.requested_id.as_str());
            id = PersonaId::of(&RequestedId::parse(&free, Reading::STRICT).expect("a name"));
        } else if problem.is_none() {
            self.personas.insert(id.clone(), key);
        }
        let response = RegistrationResponse {
            server_date: self.now,
            requested_id: body.requested_id,
            response_id: Some(id),
            email: Some(body.email),
            response_code: code(problem.as_ref()),
            problem,
            funds_waiting: None,
            autoclose_passphrase: None,
            pubkey: Some(body.pubkey),
            swseverity: None,
            swmessage: None,
            message: None,
        };
        self.reply(opened, &response)
    }

    fn bind(&mut self, opened: &OpenedRequest) -> String {
        let (body, problem): (BindInstrument, _) = self.body(opened);
        let asked = self.challenges;
        let mut response = self.bound(problem);
        if asked {
            self.challenges = false;
            response.response_code = ResponseCode::Retry;
            response.problem = Some(Problem::CHALLENGE_REQUIRED);
            response.challenge = ChallengeId::of("c1");
            response.questions = Numbered(vec![Text::of("Mother's maiden name").expect("a line")]);
            return opened.reply_as(CHALLENGE_TYPE, &response, &mut self.rng).expect("a reply");
        }
        response.number = Some(body.number);
        response.kind = Some(body.kind);
        response.salt = Some(body.salt);
        response.functions = Some(body.functions);
        self.reply(opened, &response)
    }

    fn bind_answer(&mut self, opened: &OpenedRequest) -> String {
        let (body, problem): (BindAnswer, _) = self.body(opened);
        assert_eq!(body.answers.0[0].as_str(), "Smith");
        let response = self.bound(problem);
        self.reply(opened, &response)
    }

    fn bound(&self, problem: Option<Problem>) -> BindResponse {
        BindResponse {
            server_date: self.now,
            response_code: code(problem.as_ref()),
            problem,
            swseverity: None,
            swmessage: None,
            challenge: None,
            questions: Numbered(Vec::new()),
            number: None,
            kind: None,
            salt: None,
            functions: None,
            status: Token::of("enabled"),
            recurring: Family(BTreeMap::from([("instrument-issuer".to_owned(), "East Bank".to_owned())])),
            message: None,
        }
    }

    fn load(&mut self, opened: &OpenedRequest) -> String {
        let (body, problem): (LoadUnload, _) = self.body(opened);
        assert!(body.instrument.0.contains_key("instrument-salt"), "{:?}", body.instrument);
        assert_eq!(body.instrument.0["instrument-issuer"], "East Bank");
        if problem.is_none() {
            self.available = self.available.plus(body.amount.0).expect("a sum");
            let kind = if body.amount.0.minor < 0 { EntryKind::UNLOAD } else { EntryKind::LOAD };
            self.enter(kind, body.amount.0, None);
        }
        let response = LoadUnloadResponse {
            server_date: self.now,
            amount: Some(body.amount),
            response_code: code(problem.as_ref()),
            problem,
            message: None,
            swseverity: None,
            swmessage: None,
            fee: Some(usd(0)),
            balance: Some(self.available),
            session_funds: None,
            on_hold: Some(usd(0)),
        };
        self.reply(opened, &response)
    }

    fn open(&mut self, opened: &OpenedRequest) -> String {
        let (body, problem): (OpenSession, _) = self.body(opened);
        let granted = usd(body.amount.minor.min(self.available.minor));
        let id = SessionId::of_number(self.next_session);
        let secrets = self.protocol.suite().session_secrets(&mut self.rng);
        // The seed's server grants 60 minutes and 15 uses at most.
        let (minutes, uses) = (body.key_lifetime.get().min(60), body.key_use_limit.get().min(15));
        if problem.is_none() {
            self.next_session += 1;
            self.available = self.available.minus(granted).expect("a difference");
            let session = BankSession {
                owner: opened.head.id.clone().expect("a persona"),
                secrets: secrets.clone(),
                left: granted,
                opening: granted,
                opened_at: self.now,
                minutes: i64::try_from(minutes).expect("minutes"),
                use_limit: uses.into(),
                paid: BTreeMap::new(),
                over: false,
                fee: None,
            };
            self.sessions.insert(id.clone(), session);
        }
        let granted_or = |value| Some(value).filter(|_| problem.is_none());
        let response = OpenSessionResponse {
            server_date: self.now,
            response_code: code(problem.as_ref()),
            swseverity: None,
            swmessage: None,
            message: None,
            key_lifetime: Num::of(minutes),
            key_use_limit: Index::of(uses.into()),
            amount: granted_or(granted),
            foreign_exchange: protocol::money::Rates::parse("cad 0.60 gbp 1.55", Reading::STRICT),
            session_funds: None,
            balance: Some(self.available),
            on_hold: None,
            fee: None,
            session_id: Some(id).filter(|_| problem.is_none()),
            session_key: Bytes::of(secrets.key.expose().to_vec()),
            session_salt: Bytes::of(secrets.salt.expose().to_vec()),
            problem,
        };
        self.reply(opened, &response)
    }

    /// What is left of sessions that are over returns to the container.
    fn sweep(&mut self) {
        for session in self.sessions.values_mut().filter(|session| !session.over) {
            let expired = self.now > session.opened_at.plus_secs(session.minutes * 60);
            if expired || session.paid.len() >= session.use_limit as usize {
                session.over = true;
                self.available = self.available.plus(session.left).expect("a sum");
            }
        }
    }

    fn close(&mut self, opened: &OpenedRequest) -> String {
        let (body, mut problem): (CloseSession, _) = self.body(opened);
        let (mut amount, mut log) = (usd(0), Vec::new());
        let named = |id: &SessionId| body.session_id.as_ref().is_none_or(|named| named == id);
        let open = self.sessions.iter_mut().filter(|(id, session)| named(id) && !session.over);
        let mut closed = 0;
        for (_, session) in open {
            (session.over, session.fee, closed) = (true, self.close_fee, closed + 1);
            let returned = session.left.minus(session.fee.unwrap_or(usd(0))).expect("more than the fee");
            self.available = self.available.plus(returned).expect("a sum");
            amount = amount.plus(session.left).expect("a sum");
            for (index, paid) in &session.paid {
                let Collected { payee, order, amount, .. } = paid;
                log.push(format!("{}|{index}|{payee}|{order}|{amount}", self.now.text()));
            }
        }
        if closed == 0 && body.session_id.is_some() {
            problem = Some(Problem::SESSION_CLOSED);
        }
        let fee = body.session_id.as_ref().and_then(|id| self.sessions.get(id)?.fee);
        let asked = body.request_log.is_some_and(|asked| asked.0);
        let lines = log.iter().filter(|_| asked).map(|line| Text::of(line).expect("a line")).collect();
        let response = CloseSessionResponse {
            server_date: self.now,
            response_code: code(problem.as_ref()),
            amount: Some(amount).filter(|_| problem.is_none()),
            problem,
            swseverity: None,
            swmessage: None,
            message: None,
            fee,
            log: Numbered(lines),
        };
        self.reply(opened, &response)
    }

    fn autoclose(&mut self, opened: &OpenedRequest) -> String {
        let body: AutoclosePersona = opened.body().expect("a body of its form");
        let known = opened.head.id.as_ref().is_some_and(|id| self.personas.contains_key(id));
        let problem = match self.refuse.remove("autoclose-persona") {
            Some(problem) => Some(problem),
            None if !known || body.passphrase.as_str() != "badnews" => Some(Problem::PERSONA_UNKNOWN),
            None if self.closed => Some(Problem::PERSONA_CLOSED),
            None => None,
        };
        let mut amount = None;
        if problem.is_none() {
            self.closed = true;
            amount = Some(self.total());
            self.sent_home = self.sent_home.plus(self.total()).expect("a sum");
            self.available = usd(0);
            self.sessions.values_mut().for_each(|session| session.over = true);
        }
        let response = AutocloseResponse {
            server_date: self.now,
            response_code: code(problem.as_ref()),
            problem,
            message: None,
            amount,
        };
        self.reply(opened, &response)
    }

    fn change_key(&mut self, opened: &OpenedRequest) -> String {
        let (body, problem): (KeyChange, _) = self.body(opened);
        if problem.is_none() {
            let id = opened.head.id.clone().expect("a persona");
            self.personas.insert(id, PublicKey::of_spki(body.pubkey.as_slice().to_vec()));
        }
        let response = KeyResponse {
            server_date: self.now,
            response_code: code(problem.as_ref()),
            pubkey: Some(body.pubkey).filter(|_| problem.is_none()),
            problem,
            swseverity: None,
            swmessage: None,
            message: None,
        };
        self.reply(opened, &response)
    }

    fn statement(&mut self, opened: &OpenedRequest) -> String {
        let (body, problem): (StatementRequest, _) = self.body(opened);
        let from = match body.after.as_ref().map(protocol::value::Token::as_str) {
            None => self.entries.len().saturating_sub(2),
            Some("start") => 0,
            Some(mark) => mark.parse().expect("a mark of ours"),
        };
        // Two at a time, so that there is more than one page.
        let entries: Vec<EntryLine> = self.entries.iter().skip(from).take(2).cloned().collect();
        let next = from + entries.len();
        let open = self.sessions.iter().filter(|(_, session)| !session.over);
        let sessions = open.map(|(id, session)| SessionLine {
            session_id: id.clone(),
            opened: session.opened_at,
            expires: session.opened_at.plus_secs(session.minutes * 60),
            use_limit: Index::of(session.use_limit.into()).expect("an index"),
            uses: Count(session.paid.len() as u64),
            opening: session.opening,
            current: session.left,
        });
        let response = StatementResponse {
            server_date: self.now,
            response_code: code(problem.as_ref()),
            problem,
            swseverity: None,
            swmessage: None,
            message: None,
            containers: Numbered(vec![ContainerLine { available: self.available, on_hold: usd(0) }]),
            sessions: Numbered(sessions.collect()),
            entries: Numbered(entries),
            next: Token::of(&next.to_string()),
            more: Some(YesNo(next < self.entries.len())),
        };
        self.reply(opened, &response)
    }

    /// Writes an entry of later statements.
    fn enter(&mut self, kind: EntryKind, amount: Money, payment: Option<EntryPayment>) {
        let number = Count(if payment.is_some() {
            u64::from(kind == EntryKind::REFUND_RECEIVED)
        } else {
            self.entries.len() as u64
        });
        self.entries.push(EntryLine { date: self.now, kind, number, amount: SignedMoney(amount), payment });
    }

    /// The merchant gives a payment back.
    pub fn refund(&mut self, order: &str, amount: i64) {
        let paid =
            self.entries.iter().find_map(|entry| entry.payment.clone().filter(|of| of.order_id.as_str() == order));
        self.available = self.available.plus(usd(amount)).expect("a sum");
        self.enter(EntryKind::REFUND_RECEIVED, usd(amount), Some(paid.expect("a payment")));
    }

    /// A CA2 with one payment: its CA3.
    pub fn collect(&mut self, message: &str, merchant: &SessionSecrets, payee: &PersonaId) -> String {
        self.sweep();
        let envelope = Envelope::parse(message.as_bytes()).expect("a well-formed CA2");
        let collection = Collection::read(&envelope).expect("a CA2").open(merchant).expect("an authentic CA2");
        let asked = collection.payments[0].clone();
        let opaque = collection.customer_opaque(0).to_vec();
        let session = self.sessions.get_mut(&asked.payer_session_id).expect("a session of ours");
        let charge = collection.open_payment(0, &session.secrets).expect("an authentic payment");
        let fresh =
            Collected { payee: payee.clone(), order: asked.order_id.as_str().to_owned(), amount: charge, opaque };
        let over = session.over;
        let problem = match session.paid.get(&asked.payer_index.get()) {
            Some(before) if before.opaque == fresh.opaque && before.order == fresh.order => None,
            Some(_) => Some(Problem::INDEX_USED),
            None if self.refuse.contains_key("cash-payment") => self.refuse.remove("cash-payment"),
            None if over => Some(Problem::SESSION_CLOSED),
            None if charge.minor > session.left.minor => Some(Problem::FUNDS_INSUFFICIENT),
            None => {
                session.left = session.left.minus(charge).expect("enough");
                session.paid.insert(asked.payer_index.get(), fresh);
                let payment = EntryPayment {
                    session_id: asked.payer_session_id.clone(),
                    index: asked.payer_index,
                    other: payee.clone(),
                    order_id: asked.order_id.clone(),
                };
                let (date, amount) = (self.now, SignedMoney(charge.negated()));
                let (kind, number) = (EntryKind::PAID, Count(0));
                self.entries.push(EntryLine { date, kind, number, amount, payment: Some(payment) });
                *self.effects.entry("cash-payment".to_owned()).or_default() += 1;
                None
            }
        };
        let uses_left = session.use_limit - u32::try_from(session.paid.len()).expect("few");
        let limits = self.protocol == Protocol::V2;
        let receipt = PayerReceipt {
            response_code: code(problem.as_ref()),
            remark: None,
            foreign_exchange: None,
            amount: Some(charge).filter(|_| problem.is_none()),
            problem: problem.clone(),
            order_id: asked.order_id.clone(),
            request_version: Version1,
            session_balance: Some(session.left).filter(|_| limits),
            uses_left: Some(Count(uses_left.into())).filter(|_| limits),
            seconds_left: Some(Count(60)).filter(|_| limits),
            auth_code: None,
        };
        let (session_id, index) = (asked.payer_session_id.clone(), asked.payer_index);
        let secrets = &session.secrets;
        let customer = CustomerPart { session_id: session_id.clone(), index, secrets, receipt };
        let verdicts = Verdicts {
            batch: BatchReceipt {
                subtype: Token::of(BATCH_RECEIPT_TYPE).expect("a token"),
                subversion: Version1,
                response_code: ResponseCode::Success,
                fee: None,
                problem: None,
                remark: None,
            },
            payments: vec![PaymentReceipt {
                subtype: Token::of(PAYMENT_RECEIPT_TYPE).expect("a token"),
                subversion: Version1,
                payer_session_id: session_id,
                payer_index: index,
                response_code: code(problem.as_ref()),
                remark: None,
                collected_amount: Some(asked.merchant_amount).filter(|_| problem.is_none()),
                problem,
                order_id: asked.order_id,
            }],
        };
        let (head, rng) = (collection.head().clone(), &mut self.rng);
        write_receipts(self.protocol, &head, merchant, &verdicts, &[Some(customer)], rng).expect("a CA3")
    }
}

fn code(problem: Option<&Problem>) -> ResponseCode {
    problem.map_or(ResponseCode::Success, Problem::response)
}
