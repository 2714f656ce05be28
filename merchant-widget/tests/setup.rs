//! How a till becomes one: what it agrees to goes to the server, and nothing else.

mod stage;

use merchant_widget::till::record::Pending;
use merchant_widget::till::setup::{Account, Application, bind, register};
use protocol::Protocol;
use protocol::envelope::Envelope;
use protocol::exchange::OpenedRequest;
use protocol::message::binding::BindInstrument;
use protocol::message::registration::Registration;
use protocol::suite::X25519Opener;
use protocol::value::{Reading, Value};

use stage::Stage;

fn value<V: Value>(text: &str) -> V {
    V::parse(text, Reading::STRICT).expect(text)
}

fn opened(server: &X25519Opener, pending: &Pending) -> OpenedRequest {
    let sent = pending.message().expect("a message");
    let envelope = Envelope::parse(sent.text.as_bytes()).expect("a message");
    OpenedRequest::open(&envelope, |_, _| Some(server)).expect("a request that opens")
}

#[test]
fn what_the_merchant_agrees_to_is_said_where_there_is_something() {
    let (mut stage, server) = (Stage::of(Protocol::V2), X25519Opener::of_bytes(&[1; 32]).expect("a key"));
    stage.persona.server_key.public = server.public_key().expect("its public half");
    let persona = stage.persona.clone();
    for agreements in [vec![], vec![7, 75]] {
        let application = Application {
            name: value("acme"),
            email: value("shop@acme.example"),
            language: value("en-us"),
            currency: value("usd"),
            agreements: agreements.clone(),
        };
        let said = (!agreements.is_empty()).then(|| agreements.clone());
        let (_, pending) = register(&application, &persona.server_key, &mut stage.moment()).expect("a request");
        let body: Registration = opened(&server, &pending).body().expect("an R1");
        assert_eq!(body.agreements.map(|agreements| agreements.0), said);
        let account = Account { number: value("059013218175654"), holder: value("Acme Inc."), agreements };
        let (_, pending) = bind(&persona, &account, &mut stage.moment()).expect("a request");
        let body: BindInstrument = opened(&server, &pending).body().expect("a BI1");
        assert_eq!(body.agreements.map(|agreements| agreements.0), said);
    }
}
