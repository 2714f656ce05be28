//! Opening of a session 407 (fig. 21): OS1 asks for three limits, OS2 grants them and hands over the session's secrets.

use protocol::Protocol;
use protocol::date::Date;
use protocol::message::session::{OpenSession, OpenSessionResponse};
use protocol::money::Money;
use protocol::outcome::{Problem, ResponseCode};
use protocol::value::{Bytes, Index, Num, SessionId};
use rand_core::CryptoRng;

use super::config::whole_units;
use super::draft::Draft;
use super::exchange::{Desk, Procedure};
use super::language::Words;
use super::refusal::Refusal;
use super::service::Service;
use crate::store::record::{Reason, Session, SessionStatus};
use crate::store::{Change, PersonaFile, Store, StoreError};

/// Open sessions of one persona: more than anyone keeps apart, and few enough to load with every message.
const MAX_SESSIONS: usize = 256;

impl Procedure for OpenSession {
    /// The number of the new session.
    type Records = SessionId;

    fn service(&self) -> Service {
        Service::Open
    }

    async fn load(&self, store: &dyn Store, _: &PersonaFile, _: Desk<'_>) -> Result<SessionId, StoreError> {
        store.new_session_id().await
    }

    /// Steps 1507 and 1508.
    fn run(
        &self,
        desk: Desk<'_>,
        draft: &mut Draft,
        id: SessionId,
        rng: &mut dyn CryptoRng,
    ) -> Result<OpenSessionResponse, Refusal> {
        if !desk.config.rates.contains_key(&self.amount.currency) {
            return Err(Problem::CURRENCY_UNSUPPORTED.into());
        }
        if draft.file.sessions.len() >= MAX_SESSIONS {
            return Err(Refusal::because(
                Problem::LIMIT_EXCEEDED,
                Words::new(
                    "This persona has as many sessions as it may have.",
                    "Diese Persona hat so viele Sitzungen, wie sie haben darf.",
                ),
            ));
        }
        let session = granted(self, desk, draft, id, rng)?;
        let (account, number) = (session.account(), session.id.number());
        let container = draft.available(session.opening.currency);
        draft.changes.push(Change::Open(Box::new(session.clone())));
        draft.transfer(Reason::Open, container.clone(), account, session.opening, number.to_string())?;
        let fee = desk.config.fees.on_top(Service::Open, session.opening)?;
        draft.charge(container, fee, format!("{}/{number}", Service::Open))?;
        draft.file.sessions.push(session.clone());
        opened(desk, draft, session, fee)
    }

    fn refused(now: Date, refusal: &Refusal) -> OpenSessionResponse {
        OpenSessionResponse {
            server_date: now,
            response_code: refusal.problem.response(),
            problem: Some(refusal.problem.clone()),
            swseverity: None,
            swmessage: None,
            message: refusal.sentence(),
            key_lifetime: None,
            key_use_limit: None,
            amount: None,
            foreign_exchange: None,
            session_funds: None,
            balance: None,
            on_hold: None,
            fee: None,
            session_id: None,
            session_key: None,
            session_salt: None,
        }
    }
}

/// The session with its limits cut to what the server allows, and the container beside the fee.
fn granted(
    body: &OpenSession,
    desk: Desk<'_>,
    draft: &Draft,
    id: SessionId,
    rng: &mut dyn CryptoRng,
) -> Result<Session, Refusal> {
    let config = desk.config;
    let caps = config.classic_caps.filter(|_| desk.protocol == Protocol::V1);
    let longest =
        caps.map_or(config.max_lifetime_minutes, |caps| caps.lifetime_minutes.min(config.max_lifetime_minutes));
    let units = caps.map_or(config.max_session_units, |caps| caps.amount_units.min(config.max_session_units));
    let currency = body.amount.currency;
    let room = config.fees.room(Service::Open, draft.container(currency).available).ok_or_else(|| {
        Refusal::because(
            Problem::FUNDS_INSUFFICIENT,
            Words::new(
                "There is not enough money for the fee of opening a session.",
                "Für die Gebühr, die das Öffnen einer Sitzung kostet, reicht das Geld nicht.",
            ),
        )
    })?;
    let largest = whole_units(currency, units).minor.min(room.minor);
    let opening = Money::new(currency, body.amount.minor.min(largest));
    let asked_minutes = u32::try_from(body.key_lifetime.get()).unwrap_or(u32::MAX);
    Ok(Session {
        id,
        protocol: desk.protocol,
        secrets: desk.protocol.suite().session_secrets(rng),
        opening,
        current: opening,
        opened: desk.now,
        lifetime_minutes: asked_minutes.min(longest),
        use_limit: body.key_use_limit.min(Index::of(config.max_uses.into()).unwrap_or(Index::FIRST)),
        uses: 0,
        persona: draft.file.persona.id.clone(),
        status: SessionStatus::Open,
        memo: body.record_note.as_ref().map(|note| note.as_str().to_owned()).unwrap_or_default(),
    })
}

fn opened(desk: Desk<'_>, draft: &Draft, session: Session, fee: Money) -> Result<OpenSessionResponse, Refusal> {
    let currency = session.opening.currency;
    let container = draft.container(currency);
    let secrets = &session.secrets;
    Ok(OpenSessionResponse {
        server_date: desk.now,
        response_code: ResponseCode::Success,
        problem: None,
        swseverity: None,
        swmessage: None,
        message: None,
        key_lifetime: Num::of(session.lifetime_minutes.into()),
        key_use_limit: Some(session.use_limit),
        amount: Some(session.opening),
        foreign_exchange: Some(desk.config.rates_in(currency)).filter(|rates| !rates.0.is_empty()),
        session_funds: Some(draft.session_funds(currency)?),
        balance: Some(container.available),
        on_hold: Some(container.on_hold),
        fee: Some(fee),
        session_key: Bytes::of(secrets.key.expose().to_vec()),
        session_salt: Bytes::of(secrets.salt.expose().to_vec()),
        session_id: Some(session.id),
    })
}
