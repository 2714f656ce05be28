//! Another key for a persona: KC1 and KC2 (docs/protocol.md, "Another key").
//!
//! The log is asked before the signature is checked, so that the same KC1 again gets the same KC2, though the key that
//! signed it holds no longer.

use protocol::date::Date;
use protocol::keys::{PublicKey, key_name};
use protocol::message::SoftwareVersion;
use protocol::message::key::{KeyChange, KeyResponse};
use protocol::outcome::{Problem, ResponseCode};
use protocol::value::AnyBytes;
use rand_core::CryptoRng;

use super::draft::Draft;
use super::exchange::{Desk, Procedure, SoftwareNote};
use super::language::Words;
use super::refusal::Refusal;
use super::service::Service;
use crate::store::{Change, PersonaFile, Store, StoreError};

impl Procedure for KeyChange {
    type Records = ();

    fn server_date(&self) -> Date {
        self.server_date
    }

    fn swversion(&self) -> &SoftwareVersion {
        &self.swversion
    }

    fn service(&self) -> Service {
        Service::Modify
    }

    fn key(&self) -> &AnyBytes {
        &self.key
    }

    async fn load(&self, _: &dyn Store, _: &PersonaFile, _: Desk<'_>) -> Result<(), StoreError> {
        Ok(())
    }

    fn run(&self, desk: Desk<'_>, draft: &mut Draft, (): (), _: &mut dyn CryptoRng) -> Result<KeyResponse, Refusal> {
        let key = PublicKey::of_spki(self.pubkey.as_slice().to_vec());
        let no_key = |_| {
            Refusal::because(
                Problem::FORM,
                Words::new(
                    "The public key is not one of this protocol.",
                    "Der öffentliche Schlüssel gehört nicht zu diesem Protokoll.",
                ),
            )
        };
        let name = key_name(desk.protocol, &key).map_err(no_key)?;
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

    fn note(reply: &mut KeyResponse, software: SoftwareNote) {
        (reply.swseverity, reply.swmessage) = (software.severity, software.message);
    }
}
