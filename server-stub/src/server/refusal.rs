//! Why a request was not done: the problem and a sentence for people, in their language.

use std::borrow::Cow;

use protocol::FormFault;
use protocol::message::Sentence;
use protocol::outcome::Problem;

use super::language::{Language, Words};

/// A request that is not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The code of protocol.md section 5.
    pub problem: Problem,
    words: Option<Box<Words>>,
    language: Language,
}

impl Refusal {
    /// With a sentence of its own.
    pub fn because(problem: Problem, words: Words) -> Self {
        Self { problem, words: Some(Box::new(words)), language: Language::default() }
    }

    /// The same, for someone who reads that language.
    pub fn told_in(self, language: Language) -> Self {
        Self { language, ..self }
    }

    /// A sentence for people.
    pub fn sentence(&self) -> Option<Sentence> {
        let text = match &self.words {
            Some(words) => words.pick(self.language),
            None => sentence_of(&self.problem, self.language),
        };
        Sentence::of(text)
    }
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Self { problem, words: None, language: Language::default() }
    }
}

/// A message that is not of its form; what exactly is wrong is said to whoever writes the software, in English.
impl From<FormFault> for Refusal {
    fn from(fault: FormFault) -> Self {
        let german = format!("Die Anfrage hat nicht die Form, die ihre Art verlangt: {fault}");
        Self::because(Problem::FORM, Words { english: Cow::Owned(fault.to_string()), german: Cow::Owned(german) })
    }
}

/// What each problem means to the person who reads it, in English and German.
const SENTENCES: &[(Problem, &str, &str)] = &[
    (
        Problem::FORM,
        "The request is not of the form that its type asks for.",
        "Die Anfrage hat nicht die Form, die ihre Art verlangt.",
    ),
    (Problem::BAD_OPAQUE, "The request could not be opened.", "Die Anfrage ließ sich nicht öffnen."),
    (
        Problem::SERVERKEY_UNKNOWN,
        "The request was sealed to a key that this server does not have.",
        "Die Anfrage wurde für einen Schlüssel verschlossen, den dieser Server nicht hat.",
    ),
    (Problem::BAD_SIGNATURE, "The signature does not fit the request.", "Die Unterschrift passt nicht zur Anfrage."),
    (Problem::BAD_AUTH_CODE, "The authentication code does not fit.", "Der Echtheitscode passt nicht."),
    (
        Problem::SOFTWARE_FATAL,
        "This version of the software is not served any more.",
        "Diese Version der Software wird nicht mehr bedient.",
    ),
    (
        Problem::CLOCK_SKEW,
        "The clock of the sender is more than a day off.",
        "Die Uhr des Absenders geht um mehr als einen Tag falsch.",
    ),
    (
        Problem::PROTOCOL_UNSUPPORTED,
        "This server does not speak that protocol.",
        "Dieser Server spricht dieses Protokoll nicht.",
    ),
    (Problem::ID_IN_USE, "This name is taken.", "Dieser Name ist vergeben."),
    (Problem::PERSONA_UNKNOWN, "There is no such persona.", "Diese Persona gibt es nicht."),
    (Problem::PERSONA_DISABLED, "This persona is disabled.", "Diese Persona ist gesperrt."),
    (Problem::PERSONA_CLOSED, "This persona is closed.", "Diese Persona ist geschlossen."),
    (
        Problem::KEY_MISMATCH,
        "The key named is not the key of this persona.",
        "Der genannte Schlüssel ist nicht der dieser Persona.",
    ),
    (Problem::AGREEMENT_MISSING, "A legal agreement was not agreed to.", "Einer Vereinbarung wurde nicht zugestimmt."),
    (
        Problem::TRANSACTION_REUSED,
        "This transaction number was used for another message.",
        "Diese Vorgangsnummer gehört schon zu einer anderen Nachricht.",
    ),
    (
        Problem::INSTRUMENT_UNKNOWN,
        "This bank account or card is not known here.",
        "Dieses Konto oder diese Karte ist hier nicht bekannt.",
    ),
    (
        Problem::INSTRUMENT_DISABLED,
        "This bank account or card is not enabled.",
        "Dieses Konto oder diese Karte ist nicht freigegeben.",
    ),
    (Problem::INSTRUMENT_DECLINED, "The bank declined.", "Die Bank hat abgelehnt."),
    (
        Problem::FUNCTION_DISABLED,
        "This bank account or card may not be used for that.",
        "Dieses Konto oder diese Karte darf dafür nicht benutzt werden.",
    ),
    (Problem::LIMIT_EXCEEDED, "This is more than a limit allows.", "Das ist mehr, als eine Grenze erlaubt."),
    (Problem::CHALLENGE_REQUIRED, "The bank has a question.", "Die Bank hat eine Frage."),
    (Problem::FUNDS_INSUFFICIENT, "There is not that much money.", "So viel Geld ist nicht da."),
    (Problem::CURRENCY_UNSUPPORTED, "This currency is not served here.", "Diese Währung wird hier nicht geführt."),
    (Problem::SESSION_UNKNOWN, "There is no such session.", "Diese Sitzung gibt es nicht."),
    (Problem::SESSION_CLOSED, "The session is closed.", "Die Sitzung ist geschlossen."),
    (Problem::SESSION_EXPIRED, "The lifetime of the session is over.", "Die Sitzung ist abgelaufen."),
    (
        Problem::INDEX_RANGE,
        "The session has no uses left for this index.",
        "Die Sitzung hat für diese Nummer keine Nutzung mehr.",
    ),
    (
        Problem::INDEX_USED,
        "This index was used for another message.",
        "Diese Nummer gehört schon zu einer anderen Nachricht.",
    ),
    (Problem::PAYEE_MISMATCH, "The payment is for somebody else.", "Die Zahlung ist für jemand anderen."),
    (
        Problem::AMOUNT_MISMATCH,
        "The payer agreed to another amount.",
        "Der Zahler hat einem anderen Betrag zugestimmt.",
    ),
    (Problem::SELF_PAYMENT, "Nobody can pay themselves.", "Niemand kann sich selbst bezahlen."),
    (
        Problem::SERVICE_DISABLED,
        "The operator has switched this service off.",
        "Der Betreiber hat diesen Dienst abgeschaltet.",
    ),
    (
        Problem::BUSY,
        "The server has too much to do. Try again soon.",
        "Der Server hat gerade zu viel zu tun. Versuchen Sie es gleich noch einmal.",
    ),
    (
        Problem::INTERNAL,
        "Something failed in the server. Try again.",
        "Im Server ist etwas schiefgegangen. Versuchen Sie es noch einmal.",
    ),
];

fn sentence_of(problem: &Problem, language: Language) -> &'static str {
    let found = SENTENCES.iter().find(|(known, ..)| known == problem);
    found.map_or("", |(_, english, german)| match language {
        Language::English => *english,
        Language::German => *german,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_problem_has_a_sentence_in_every_language() {
        for problem in Problem::ALL {
            let [english, german] = [Language::English, Language::German]
                .map(|language| Refusal::from(problem.clone()).told_in(language).sentence().expect("a sentence"));
            assert_ne!(english, german, "{problem}");
            assert!(!english.as_str().contains("instrument"), "people have bank accounts and cards: {problem}");
        }
    }
}
