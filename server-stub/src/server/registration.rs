//! Registration 401 (fig. 8): R1 makes a persona, R2 says under which id.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use protocol::exchange::OpenedRequest;
use protocol::keys::PublicKey;
use protocol::message::Request as _;
use protocol::message::registration::{Registration, RegistrationResponse};
use protocol::outcome::{Problem, ResponseCode};
use protocol::persona::{PersonaId, RequestedId};
use protocol::value::{Count, Reading, Value};
use rand_core::CryptoRng;

use super::exchange::{Desk, SoftwareNote, check_clock, check_software};
use super::key::usable;
use super::refusal::Refusal;
use super::service::Service;
use super::{Answer, Decided, Incoming, Rng, Rounds, Server, Trouble};
use crate::metrics;
use crate::store::record::{LogKey, Persona, PersonaStatus};
use crate::store::{Change, ChangeSet};
use crate::vault::Vault;

/// How many other ids are tried where the wished one is taken.
const SUGGESTIONS: usize = 4;
/// The longest name (protocol.md section 2), and what a suggestion appends at the most.
const NAME_CHARS: usize = 32;
const SUFFIX_CHARS: usize = 4;

impl Server {
    /// Answers R1.
    pub(super) async fn register(
        &self,
        incoming: &Incoming,
        opened: &Arc<OpenedRequest>,
        rng: &mut Rng,
    ) -> Result<Answer, Trouble> {
        let body = opened.body::<Registration>().map_err(Refusal::from)?;
        let desk = self.desk(incoming).speaking(body.content_language.as_str());
        let name = match self.signed_by_itself(desk, opened, &body).await? {
            Ok(name) => name,
            Err(refusal) => {
                metrics::decided(Registration::TYPE, Some(&refusal.problem));
                return Ok(Answer::Reply(opened.reply(&refused(desk, &body, refusal), rng)?));
            }
        };
        let mut rounds = Rounds::default();
        loop {
            let decided = self.register_round(incoming, opened, &body, &name, rng).await?;
            if let Some(reply) = self.commit(decided, &mut rounds).await? {
                return Ok(Answer::Reply(reply));
            }
        }
    }

    /// The name of the key that signed the request (step 915), if the key is one that may be used here.
    async fn signed_by_itself(
        &self,
        desk: Desk<'_>,
        opened: &Arc<OpenedRequest>,
        body: &Registration,
    ) -> Result<Result<String, Refusal>, Trouble> {
        let (key, name) = match usable(desk, &body.pubkey) {
            Ok(usable) => usable,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let opened = opened.clone();
        let signed = self.door.lane().run(move || opened.verify::<Registration>(&key)).await?;
        Ok(signed.map(|()| name).map_err(|_| Problem::BAD_SIGNATURE.into()))
    }

    async fn register_round(
        &self,
        incoming: &Incoming,
        opened: &OpenedRequest,
        body: &Registration,
        key_name: &str,
        rng: &mut Rng,
    ) -> Result<Decided, Trouble> {
        let desk = self.desk(incoming).speaking(body.content_language.as_str());
        let key = LogKey::Registration(key_name.to_owned(), opened.head.transaction.get());
        if let Some(logged) = self.store.logged(&key).await? {
            let reused = || opened.reply(&refused(desk, body, Problem::TRANSACTION_REUSED.into()), rng);
            return Ok((None, incoming.same_or(logged, reused)?));
        }
        let wished = PersonaId::of(&body.requested_id);
        let others = suggestions(&body.requested_id, rng);
        let taken = self.store.taken(&[std::slice::from_ref(&wished), &others[..]].concat()).await?;
        let (mut changes, reply) = decide(desk, body, key_name, &wished, &others, &taken);
        metrics::decided(Registration::TYPE, reply.problem.as_ref());
        let response = opened.reply(&reply, rng)?;
        changes.push(incoming.log(key, &response));
        Ok((Some(changes), response))
    }
}

/// Steps 1206 to 1216.
fn decide(
    desk: Desk<'_>,
    body: &Registration,
    key_name: &str,
    wished: &PersonaId,
    others: &[PersonaId],
    taken: &HashSet<PersonaId>,
) -> (ChangeSet, RegistrationResponse) {
    let (software, checked) = check_software(desk.config, &body.swversion);
    let switched = desk.config.switches.check_everyone(Service::Register).map_err(Refusal::from);
    let outcome = switched
        .and_then(|()| check_clock(desk.config, desk.now, body.server_date))
        .and(checked)
        .and_then(|()| check_terms(desk, body));
    let mut changes = ChangeSet::default();
    let mut reply = match outcome {
        Err(refusal) => refused(desk, body, refusal),
        Ok(()) if taken.contains(wished) => {
            // Step 1216: one that is free, if there is one among those tried.
            let response_id = others.iter().find(|id| !taken.contains(*id)).cloned();
            RegistrationResponse { response_id, ..refused(desk, body, Problem::ID_IN_USE.into()) }
        }
        Ok(()) => {
            changes.push(Change::Register(Box::new(persona(desk, body, key_name, wished))));
            welcome(desk, body, wished)
        }
    };
    note(&mut reply, software);
    (changes, reply)
}

fn check_terms(desk: Desk<'_>, body: &Registration) -> Result<(), Refusal> {
    let agreed = body.agreements.as_ref().map(|agreements| agreements.0.as_slice()).unwrap_or_default();
    if desk.config.agreements.iter().any(|agreement| !agreed.contains(&agreement.number)) {
        return Err(Problem::AGREEMENT_MISSING.into());
    }
    if !desk.config.rates.contains_key(&body.default_currency) {
        return Err(Problem::CURRENCY_UNSUPPORTED.into());
    }
    Ok(())
}

/// Step 1209.
fn persona(desk: Desk<'_>, body: &Registration, key_name: &str, id: &PersonaId) -> Persona {
    let passphrase = body.autoclose_passphrase.as_ref();
    Persona {
        id: id.clone(),
        email: body.email.as_str().to_owned(),
        protocol: desk.protocol,
        public_key: PublicKey::of_spki(body.pubkey.as_slice().to_vec()),
        key_name: key_name.to_owned(),
        registered: desk.now,
        language: body.content_language.as_str().to_owned(),
        default_currency: body.default_currency,
        autoclose: passphrase.map(|passphrase| passphrase_hash(desk.vault, id, passphrase.as_str())),
        agreements: body.agreements.iter().flat_map(|agreements| agreements.0.iter().copied()).collect::<BTreeSet<_>>(),
        status: PersonaStatus::Active,
        revision: 0,
    }
}

/// 120F as it is kept.
pub(super) fn passphrase_hash(vault: &Vault, id: &PersonaId, passphrase: &str) -> Vec<u8> {
    vault.hash("autoclose", &[id.as_str(), passphrase])
}

/// R2 of a persona that is there.
pub(super) fn welcome(desk: Desk<'_>, body: &Registration, id: &PersonaId) -> RegistrationResponse {
    let gifts = desk.config.gifts.get(&body.email.as_str().to_lowercase());
    RegistrationResponse {
        server_date: desk.now,
        requested_id: body.requested_id.clone(),
        response_id: Some(id.clone()),
        email: Some(body.email.clone()),
        response_code: ResponseCode::Success,
        problem: None,
        funds_waiting: gifts.map(|gifts| Count((*gifts).into())),
        // Its owner knows it; a secret that need not travel does not.
        autoclose_passphrase: None,
        pubkey: Some(body.pubkey.clone()),
        swseverity: None,
        swmessage: None,
        message: None,
    }
}

/// R2 that says why not.
pub(super) fn refused(desk: Desk<'_>, body: &Registration, refusal: Refusal) -> RegistrationResponse {
    let (server_date, refusal) = (desk.date_of(&refusal), refusal.told_in(desk.language));
    RegistrationResponse {
        server_date,
        requested_id: body.requested_id.clone(),
        response_id: None,
        email: Some(body.email.clone()),
        response_code: refusal.problem.response(),
        problem: Some(refusal.problem.clone()),
        funds_waiting: None,
        autoclose_passphrase: None,
        pubkey: None,
        swseverity: None,
        swmessage: None,
        message: refusal.sentence(),
    }
}

/// Tells the client about its software.
pub(super) fn note(reply: &mut RegistrationResponse, software: SoftwareNote) {
    (reply.swseverity, reply.swmessage) = (software.severity, software.message);
}

/// The wished name with some digits behind it ("Brian15" in step 1216).
fn suggestions(wished: &RequestedId, rng: &mut dyn CryptoRng) -> Vec<PersonaId> {
    let name: String = wished.as_str().chars().take(NAME_CHARS - SUFFIX_CHARS).collect();
    let with_number = |_| {
        let number = 10 + rng.next_u32() % 9_990;
        RequestedId::parse(&format!("{name}{number}"), Reading::STRICT).map(|name| PersonaId::of(&name))
    };
    (0..SUGGESTIONS).filter_map(with_number).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng as _;

    #[test]
    fn suggestions_are_names_with_two_to_four_digits() {
        let mut rng = rand::rngs::StdRng::from_seed([1; 32]);
        for (wished, kept) in [("brianb", "brianb".to_owned()), (&*"b".repeat(32), "b".repeat(28))] {
            let wished = RequestedId::parse(wished, Reading::STRICT).expect("a name");
            for _ in 0..100 {
                let suggested = suggestions(&wished, &mut rng);
                assert_eq!(suggested.len(), SUGGESTIONS);
                for id in suggested {
                    let (name, _) = id.as_str().split_once('-').expect("a check code");
                    let digits = name.strip_prefix(&kept).expect("the name");
                    assert!((2..=4).contains(&digits.len()) && digits.parse().is_ok_and(|n: u32| n >= 10), "{id}");
                }
            }
        }
    }
}
