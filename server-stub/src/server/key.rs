//! Another key for a persona: KC1 and KC2 (docs/protocol.md, "Another key").
//!
//! The log is asked before the signature is checked, so that the same KC1 again gets the same KC2, though the key that
//! signed it holds no longer.

use protocol::Protocol;
use protocol::date::Date;
use protocol::keys::{PublicKey, key_name};
use protocol::message::key::{KeyChange, KeyResponse};
use protocol::outcome::{Problem, ResponseCode};
use protocol::suite::modulus_bits;
use protocol::value::AnyBytes;
use rand_core::CryptoRng;

use super::draft::Draft;
use super::exchange::{Desk, Procedure};
use super::language::Words;
use super::refusal::Refusal;
use super::service::Service;
use crate::store::{Change, PersonaFile, Store, StoreError};

impl Procedure for KeyChange {
    type Records = ();

    fn service(&self) -> Service {
        Service::Modify
    }

    async fn load(&self, _: &dyn Store, _: &PersonaFile, _: Desk<'_>) -> Result<(), StoreError> {
        Ok(())
    }

    fn run(&self, desk: Desk<'_>, draft: &mut Draft, (): (), _: &mut dyn CryptoRng) -> Result<KeyResponse, Refusal> {
        let (key, name) = usable(desk, &self.pubkey)?;
        let persona = &mut draft.file.persona;
        (persona.public_key, persona.key_name) = (key, name);
        draft.changes.push(Change::Update(Box::new(persona.clone())));
        Ok(KeyResponse {
            server_date: desk.now,
            response_code: ResponseCode::Success,
            problem: None,
            swseverity: None,
            swmessage: None,
            message: None,
            pubkey: Some(self.pubkey.clone()),
        })
    }

    fn refused(now: Date, refusal: &Refusal) -> KeyResponse {
        KeyResponse {
            server_date: now,
            response_code: refusal.problem.response(),
            problem: Some(refusal.problem.clone()),
            swseverity: None,
            swmessage: None,
            message: refusal.sentence(),
            pubkey: None,
        }
    }
}

/// A persona's key with its name, if it is one that may be used here.
///
/// # Errors
/// `form`: it is of another protocol, or shorter than the operator allows.
pub(super) fn usable(desk: Desk<'_>, spki: &AnyBytes) -> Result<(PublicKey, String), Refusal> {
    let key = PublicKey::of_spki(spki.as_slice().to_vec());
    let of_another = |_| {
        Refusal::because(
            Problem::FORM,
            Words::new(
                "The public key is not one of this protocol.",
                "Der öffentliche Schlüssel gehört nicht zu diesem Protokoll.",
            ),
        )
    };
    let name = key_name(desk.protocol, &key).map_err(of_another)?;
    if desk.protocol == Protocol::V1 {
        let (bits, least) = (modulus_bits(&key).map_err(of_another)?, desk.config.classic_min_bits);
        if bits < least {
            let words = Words {
                english: format!("The public key has {bits} bits; this server asks for {least} at the least.").into(),
                german: format!("Der öffentliche Schlüssel hat {bits} Bit; dieser Server verlangt mindestens {least}.")
                    .into(),
            };
            return Err(Refusal::because(Problem::FORM, words));
        }
    }
    Ok((key, name))
}
