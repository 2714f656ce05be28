//! Modification of a persona (record 251, `modification`, fig. 5G): an R1 that names the persona in its head, signed with the
//! persona's key, says what is to be true of it from now on.
//!
//! E-mail address, language and, where one is given, the autoclose passphrase take the place of what was; agreements come on
//! top of those agreed to. Name, key and default currency stay: a request that names others is refused.

use std::sync::Arc;

use protocol::exchange::OpenedRequest;
use protocol::message::Request as _;
use protocol::message::registration::{Registration, RegistrationResponse};
use protocol::outcome::Problem;
use protocol::persona::PersonaId;
use protocol::secret::same;

use super::draft::Draft;
use super::exchange::{Desk, check_clock, check_persona, check_software};
use super::language::Words;
use super::refusal::Refusal;
use super::registration::{note, passphrase_hash, refused, welcome};
use super::service::Service;
use super::{Answer, Decided, Incoming, Rng, Rounds, Server, Trouble};
use crate::metrics;
use crate::store::record::{LogKey, Persona};
use crate::store::{Change, PersonaFile, Signer};

impl Server {
    /// Answers R1 of a persona that exists.
    pub(super) async fn modify(
        &self,
        incoming: &Incoming,
        opened: &Arc<OpenedRequest>,
        signer: Option<Signer>,
        rng: &mut Rng,
    ) -> Result<Answer, Trouble> {
        let body = opened.body::<Registration>().map_err(Refusal::from)?;
        let id = opened.head.id.as_ref().ok_or(Trouble::Problem(Problem::FORM))?;
        let ours = |signer: &Signer| same(signer.public_key.spki(), body.pubkey.as_slice());
        let signer = match self.signed_by::<Registration>(incoming, opened, (id, signer), ours).await? {
            Ok(signer) => signer,
            Err(refusal) => {
                metrics::decided(Registration::TYPE, Some(&refusal.problem));
                return Ok(Answer::Reply(opened.reply(&refused(self.desk(incoming), &body, refusal), rng)?));
            }
        };
        let mut rounds = Rounds::default();
        loop {
            let decided = self.modify_round(incoming, opened, (&body, id, &signer), rng).await?;
            if let Some(reply) = self.commit(decided, &mut rounds).await? {
                return Ok(Answer::Reply(reply));
            }
        }
    }

    async fn modify_round(
        &self,
        incoming: &Incoming,
        opened: &OpenedRequest,
        (body, id, signer): (&Registration, &PersonaId, &Signer),
        rng: &mut Rng,
    ) -> Result<Decided, Trouble> {
        let desk = self.desk(incoming);
        let key = LogKey::Persona(id.clone(), opened.head.transaction.get());
        let (file, logged) = self.file_of(id, signer, &key).await?;
        let Some(file) = file else {
            return Ok((None, opened.reply(&refused(desk, body, Problem::BAD_SIGNATURE.into()), rng)?));
        };
        let desk = desk.speaking(&file.persona.language);
        if let Some(logged) = logged {
            let reused = || opened.reply(&refused(desk, body, Problem::TRANSACTION_REUSED.into()), rng);
            return Ok((None, incoming.same_or(logged, reused)?));
        }
        let (mut draft, reply) = decide(desk, body, file)?;
        metrics::decided(Registration::TYPE, reply.problem.as_ref());
        let response = opened.reply(&reply, rng)?;
        draft.changes.push(incoming.log(key, &response));
        Ok((Some(draft.finish()), response))
    }
}

fn decide(desk: Desk<'_>, body: &Registration, file: PersonaFile) -> Result<(Draft, RegistrationResponse), Trouble> {
    // Sums that are too large cannot be settled; no sandbox has that much money.
    let mut draft = Draft::settled(file, desk.now).map_err(|_| Trouble::Problem(Problem::INTERNAL))?;
    let (software, checked) = check_software(desk.config, &body.swversion);
    let outcome = check_persona(desk, &draft.file.persona, Service::Modify)
        .and_then(|()| check_clock(desk.config, desk.now, body.server_date))
        .and(checked)
        .and_then(|()| modified(desk, body, &draft.file.persona));
    let mut reply = match outcome {
        Ok(persona) => {
            let reply = welcome(desk, body, &persona.id);
            draft.changes.push(Change::Update(Box::new(persona)));
            reply
        }
        Err(refusal) => refused(desk, body, refusal),
    };
    note(&mut reply, software);
    Ok((draft, reply))
}

/// The persona as it will be.
fn modified(desk: Desk<'_>, body: &Registration, persona: &Persona) -> Result<Persona, Refusal> {
    if PersonaId::of(&body.requested_id) != persona.id {
        let words = Words::new("The name of a persona stays as it is.", "Der Name einer Persona bleibt, wie er ist.");
        return Err(Refusal::because(Problem::FORM, words));
    }
    if body.default_currency != persona.default_currency {
        let words =
            Words::new("The currency of a persona stays as it is.", "Die Währung einer Persona bleibt, wie sie ist.");
        return Err(Refusal::because(Problem::CURRENCY_UNSUPPORTED, words));
    }
    let mut agreements = persona.agreements.clone();
    agreements.extend(body.agreements.iter().flat_map(|agreements| agreements.0.iter().copied()));
    if desk.config.agreements.iter().any(|agreement| !agreements.contains(&agreement.number)) {
        return Err(Problem::AGREEMENT_MISSING.into());
    }
    let passphrase = body.autoclose_passphrase.as_ref();
    let hash = passphrase.map(|passphrase| passphrase_hash(desk.vault, &persona.id, passphrase.as_str()));
    Ok(Persona {
        email: body.email.as_str().to_owned(),
        language: body.content_language.as_str().to_owned(),
        autoclose: hash.or_else(|| persona.autoclose.clone()),
        agreements,
        ..persona.clone()
    })
}
