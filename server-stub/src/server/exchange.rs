//! Procedures 900 and 1000 (figs 11 and 12) for the messages of a persona: what is checked before a procedure runs, and
//! what becomes of its outcome.
//!
//! | check | problem | kept in the log |
//! | --- | --- | --- |
//! | head, server key, opaque part | `form`, `serverkey-unknown`, `bad-opaque` | no |
//! | form of the body (914) | `form` | no |
//! | persona, name of its key, signature (915) | `bad-signature`, whichever it is | no |
//! | transaction number | `transaction-reused` | is there |
//! | status of the persona | `persona-closed` | yes |
//! | what the operator switched off | `persona-disabled`, `service-disabled` | yes |
//! | clock | `clock-skew` | yes |
//! | software (916) | `software-fatal` | yes |
//! | the procedure's own | see there | yes |

use std::future::Future;
use std::sync::Arc;

use protocol::Protocol;
use protocol::date::Date;
use protocol::exchange::OpenedRequest;
use protocol::keys::PublicKey;
use protocol::message::binding::{BindAnswer, BindInstrument};
use protocol::message::funds::LoadUnload;
use protocol::message::key::KeyChange;
use protocol::message::refund::RefundPayment;
use protocol::message::session::{CloseSession, OpenSession};
use protocol::message::statement::StatementRequest;
use protocol::message::{Reply, Request, Sentence, SoftwareVersion};
use protocol::outcome::{Problem, ResponseCode};
use protocol::persona::PersonaId;
use protocol::secret::same;
use protocol::value::{AnyBytes, Token, to_base64};
use rand_core::CryptoRng;

use super::config::{Config, MAX_SKEW_SECS, Software};
use super::draft::Draft;
use super::language::{Language, Words};
use super::refusal::Refusal;
use super::service::Service;
use super::{Answer, Decided, Incoming, Rng, Rounds, Server, Trouble};
use crate::bank::Issuer;
use crate::metrics;
use crate::store::record::{LogKey, Persona, PersonaStatus};
use crate::store::{Logged, PersonaFile, Signer, Store, StoreError};
use crate::vault::Vault;

/// What procedures may look at besides records.
#[derive(Clone, Copy)]
pub struct Desk<'a> {
    /// The operator's decisions.
    pub config: &'a Config,
    /// Whoever stands behind instruments.
    pub bank: &'a dyn Issuer,
    /// Hashes and seals for the books.
    pub vault: &'a Vault,
    /// The server's clock.
    pub now: Date,
    /// The suite of the request.
    pub protocol: Protocol,
    /// What whoever asks reads, as far as it is known.
    pub language: Language,
}

impl Desk<'_> {
    /// The same desk for someone who reads the language of a tag (120E), if there are sentences in it.
    pub fn speaking(self, tag: &str) -> Self {
        Self { language: Language::of_tag(tag).unwrap_or(self.language), ..self }
    }

    /// The date that a refusal tells: by a clock that is off, what to date by instead.
    pub fn date_of(self, refusal: &Refusal) -> Date {
        if refusal.problem == Problem::CLOCK_SKEW { self.config.date_to_use(self.now) } else { self.now }
    }

    /// A refusal in the language of whoever asks.
    pub fn refusal(self, problem: Problem) -> Refusal {
        Refusal::from(problem).told_in(self.language)
    }
}

/// What a reply says of the client's software (170).
#[derive(Clone, Debug, Default)]
pub struct SoftwareNote {
    /// `warning` or `fatal`.
    pub severity: Option<Token<16>>,
    /// A sentence for people.
    pub message: Option<Sentence>,
}

/// What each message that a persona signs has beside its own, and where the reply speaks of the client's software.
pub trait Signed: Request {
    /// The client's idea of the server's clock.
    fn server_date(&self) -> Date;

    /// The client's software.
    fn swversion(&self) -> &SoftwareVersion;

    /// The name of the key it says to be signed with.
    fn key(&self) -> &AnyBytes;

    /// Tells the client about its software.
    fn note(reply: &mut Self::Reply, software: SoftwareNote);
}

macro_rules! signed {
    ($($message:ty),+) => {$(
        impl Signed for $message {
            fn server_date(&self) -> Date {
                self.server_date
            }

            fn swversion(&self) -> &SoftwareVersion {
                &self.swversion
            }

            fn key(&self) -> &AnyBytes {
                &self.key
            }

            fn note(reply: &mut Self::Reply, software: SoftwareNote) {
                (reply.swseverity, reply.swmessage) = (software.severity, software.message);
            }
        }
    )+};
}

signed!(BindInstrument, BindAnswer, LoadUnload, OpenSession, CloseSession, KeyChange, RefundPayment, StatementRequest);

/// A message of a persona, and the procedure that answers it.
pub trait Procedure: Signed + Send + Sync + 'static {
    /// Records that the procedure needs besides the persona's file.
    type Records: Send;
    /// Whether request and reply are kept in the log (140). What changes nothing may be answered afresh.
    const LOGGED: bool = true;

    /// What the request asks for.
    fn service(&self) -> Service;

    /// Loads what the procedure needs.
    fn load(
        &self,
        store: &dyn Store,
        file: &PersonaFile,
        desk: Desk<'_>,
    ) -> impl Future<Output = Result<Self::Records, StoreError>> + Send;

    /// Decides, and drafts the changes.
    ///
    /// # Errors
    /// Why it is not done; the draft is thrown away.
    fn run(
        &self,
        desk: Desk<'_>,
        draft: &mut Draft,
        records: Self::Records,
        rng: &mut dyn CryptoRng,
    ) -> Result<Self::Reply, Refusal>;

    /// The reply that says why not.
    fn refused(now: Date, refusal: &Refusal) -> Self::Reply;

    /// The `type` of a reply.
    fn reply_type(_: &Self::Reply) -> &'static str {
        <Self::Reply as Reply>::TYPE
    }
}

impl Server {
    /// Answers a message of a persona.
    pub(super) async fn exchange<M: Procedure>(
        &self,
        incoming: &Incoming,
        opened: &Arc<OpenedRequest>,
        signer: Option<Signer>,
        rng: &mut Rng,
    ) -> Result<Answer, Trouble> {
        let body = match opened.body::<M>() {
            Ok(body) => body,
            Err(fault) => {
                let refusal = Refusal::from(fault).told_in(incoming.policy.config.language);
                return Ok(Answer::Reply(opened.reply(&M::refused(incoming.now, &refusal), rng)?));
            }
        };
        let id = opened.head.id.as_ref().ok_or(Trouble::Problem(Problem::FORM))?;
        let key = to_base64(body.key().as_slice());
        let named = |signer: &Signer| same(key.as_bytes(), signer.key_name.as_bytes());
        let signer = match self.signed_by::<M>(incoming, opened, (id, signer), named).await? {
            Ok(signer) => signer,
            Err(refusal) => {
                metrics::decided(M::TYPE, Some(&refusal.problem));
                return Ok(Answer::Reply(opened.reply(&M::refused(incoming.now, &refusal), rng)?));
            }
        };
        let mut rounds = Rounds::default();
        loop {
            let decided = self.exchange_round(incoming, opened, (&body, id, &signer), rng).await?;
            if let Some(reply) = self.commit(decided, &mut rounds).await? {
                return Ok(Answer::Reply(reply));
            }
        }
    }

    /// Who signed a request in a persona's name, and whether it is the persona (step 915). Before that is known, nothing is
    /// looked at but the persona's key: a refusal takes as long for a persona that has much as for one that is not there.
    pub(super) async fn signed_by<M: Request + 'static>(
        &self,
        incoming: &Incoming,
        opened: &Arc<OpenedRequest>,
        (id, signer): (&PersonaId, Option<Signer>),
        named: impl Fn(&Signer) -> bool,
    ) -> Result<Result<Signer, Refusal>, Trouble> {
        let (opened, decoy) = (opened.clone(), incoming.policy.keys.decoy(opened.protocol()).clone());
        let authenticated = self.door.lane().run(move || authenticate::<M>(&opened, signer, &decoy)).await?;
        match authenticated.filter(named) {
            Some(signer) => {
                self.door.signed(id)?;
                Ok(Ok(signer))
            }
            None => Ok(Err(self.desk(incoming).refusal(Problem::BAD_SIGNATURE))),
        }
    }

    /// The file of whoever signed, nothing if its key is another one by now, and what was answered under the key of the log.
    pub(super) async fn file_of(
        &self,
        id: &PersonaId,
        signer: &Signer,
        key: &LogKey,
    ) -> Result<(Option<PersonaFile>, Option<Logged>), StoreError> {
        let (file, logged) = self.store.file_and_answer(id, key).await?;
        Ok((file.filter(|file| file.persona.public_key == signer.public_key), logged))
    }

    async fn exchange_round<M: Procedure>(
        &self,
        incoming: &Incoming,
        opened: &OpenedRequest,
        (body, id, signer): (&M, &PersonaId, &Signer),
        rng: &mut Rng,
    ) -> Result<Decided, Trouble> {
        let refused = |refusal: &Refusal| {
            metrics::decided(M::TYPE, Some(&refusal.problem));
            M::refused(incoming.now, refusal)
        };
        let desk = self.desk(incoming);
        let key = LogKey::Persona(id.clone(), opened.head.transaction.get());
        let (file, logged) = self.file_of(id, signer, &key).await?;
        let Some(file) = file else {
            return Ok((None, opened.reply(&refused(&desk.refusal(Problem::BAD_SIGNATURE)), rng)?));
        };
        let desk = desk.speaking(&file.persona.language);
        if let Some(logged) = logged {
            let reused = || opened.reply(&refused(&desk.refusal(Problem::TRANSACTION_REUSED)), rng);
            return Ok((None, incoming.same_or(logged, reused)?));
        }
        let records = body.load(&*self.store, &file, desk).await?;
        let (mut draft, reply) = decide(desk, body, file, records, rng)?;
        metrics::decided(M::TYPE, reply.outcome().problem);
        let response = opened.reply_as(M::reply_type(&reply), &reply, rng)?;
        if !is_final(&reply) {
            return Ok((None, response));
        }
        if M::LOGGED {
            draft.changes.push(incoming.log(key, &response));
        }
        Ok(((!draft.is_idle()).then(|| draft.finish()), response))
    }

    pub(super) fn desk<'a>(&'a self, incoming: &'a Incoming) -> Desk<'a> {
        let (config, protocol) = (&incoming.policy.config, incoming.envelope.protocol);
        let (bank, vault, now, language) = (&*self.bank, &self.vault, incoming.now, config.language);
        Desk { config, bank, vault, now, protocol, language }
    }
}

/// The persona's key signed this (step 915). An unknown persona, another key and a wrong signature are one answer: whoever
/// does not have the key learns nothing about who exists. Where there is no such persona, or no key of it that could have
/// signed this, the signature is checked all the same, against a decoy: how long the refusal takes tells nothing either.
fn authenticate<M: Request>(opened: &OpenedRequest, signer: Option<Signer>, decoy: &PublicKey) -> Option<Signer> {
    let usable = signer.as_ref().filter(|signer| signer.protocol == opened.protocol());
    let signed = opened.verify::<M>(usable.map_or(decoy, |signer| &signer.public_key));
    // Whoever has the decoy's private key is still nobody.
    let signed = signed.is_ok() && usable.is_some();
    signer.filter(|_| signed)
}

/// Runs the checks that come after the signature, then the procedure.
fn decide<M: Procedure>(
    desk: Desk<'_>,
    body: &M,
    file: PersonaFile,
    records: M::Records,
    rng: &mut dyn CryptoRng,
) -> Result<(Draft, M::Reply), Trouble> {
    // Sums that are too large cannot be settled; no sandbox has that much money.
    let settled = Draft::settled(file, desk.now).map_err(|_| Trouble::Problem(Problem::INTERNAL))?;
    let mut draft = settled.clone();
    let (software, checked) = check_software(desk.config, body.swversion());
    let outcome = check_persona(desk, &settled.file.persona, body.service())
        .and_then(|()| check_clock(desk.config, desk.now, body.server_date()))
        .and(checked)
        .and_then(|()| body.run(desk, &mut draft, records, rng));
    let (draft, mut reply) = match outcome {
        Ok(reply) => (draft, reply),
        Err(refusal) => (settled, M::refused(desk.date_of(&refusal), &refusal.told_in(desk.language))),
    };
    M::note(&mut reply, software);
    Ok((draft, reply))
}

/// The persona is there, and is served.
pub(super) fn check_persona(desk: Desk<'_>, persona: &Persona, service: Service) -> Result<(), Refusal> {
    match persona.status {
        PersonaStatus::Active => desk.config.switches.check(&persona.id, service).map_err(Refusal::from),
        PersonaStatus::Closed => Err(Problem::PERSONA_CLOSED.into()),
    }
}

/// Whether the answer stands. One that asks to send the same again later does not, but a challenge (BI2) does: it was
/// asked, and asking it twice must not count twice.
fn is_final(reply: &impl Reply) -> bool {
    let outcome = reply.outcome();
    outcome.response != ResponseCode::Retry || outcome.problem == Some(&Problem::CHALLENGE_REQUIRED)
}

/// The client's clock is about right, and the request is not from before a restore.
///
/// # Errors
/// `clock-skew`: either way the client learns the server's date, and may ask anew.
pub fn check_clock(config: &Config, now: Date, theirs: Date) -> Result<(), Refusal> {
    let off = now.millis().abs_diff(theirs.millis());
    if off > MAX_SKEW_SECS.unsigned_abs() * 1_000 {
        return Err(Problem::CLOCK_SKEW.into());
    }
    if config.is_from_before_restore(theirs) {
        let words = Words::new(
            "This request is older than the server's books, which were restored from a backup. Ask once more.",
            "Diese Anfrage ist älter als die Bücher des Servers, die aus einer Sicherung stammen. Fragen Sie noch einmal.",
        );
        return Err(Refusal::because(Problem::CLOCK_SKEW, words));
    }
    Ok(())
}

/// Money may leave for the bank.
///
/// # Errors
/// `service-disabled`, for a day after a restore.
pub fn check_pays_out(desk: Desk<'_>) -> Result<(), Refusal> {
    if desk.config.pays_out(desk.now) {
        return Ok(());
    }
    let words = Words::new(
        "The books were restored from a backup. For a day, no money can be sent to the bank.",
        "Die Bücher wurden aus einer Sicherung wiederhergestellt. Einen Tag lang kann kein Geld an die Bank gehen.",
    );
    Err(Refusal::because(Problem::SERVICE_DISABLED, words))
}

/// What the operator says of a software version (step 916).
pub fn check_software(config: &Config, version: &SoftwareVersion) -> (SoftwareNote, Result<(), Refusal>) {
    let note = |severity, message: &str| SoftwareNote { severity: Token::of(severity), message: Sentence::of(message) };
    match config.software.get(version.as_str()) {
        None => (SoftwareNote::default(), Ok(())),
        Some(Software::Warning(message)) => (note("warning", message), Ok(())),
        Some(Software::Fatal(message)) => (note("fatal", message), Err(Problem::SOFTWARE_FATAL.into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::message::funds::LoadUnload;

    #[test]
    fn an_answer_that_asks_to_come_again_does_not_stand() {
        for (problem, stands) in [
            (Problem::BUSY, false),
            (Problem::INTERNAL, false),
            (Problem::CHALLENGE_REQUIRED, true),
            (Problem::FUNDS_INSUFFICIENT, true),
        ] {
            let reply = LoadUnload::refused(Date::from_millis(0), &problem.clone().into());
            assert_eq!(is_final(&reply), stands, "{problem}");
        }
    }
}
