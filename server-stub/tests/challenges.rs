//! Instruments whose issuer asks a question first: BI2 and BI3.

mod common;

use std::sync::Arc;

use common::actor::{ACCOUNT, Actor};
use common::{Kind, World, money, value};
use protocol::Protocol;
use protocol::date::Date;
use protocol::message::binding::{BindAnswer, BindResponse, CHALLENGE_TYPE};
use protocol::money::Money;
use protocol::outcome::{Problem, ResponseCode};
use protocol::template::Numbered;
use protocol::value::Function;
use server_stub::bank::{Application, Decision, Issuer, Limits, LoadDecision, Terms};
use server_stub::server::Server;
use server_stub::store::record::{InstrumentStatus, Limit};
use server_stub::vault::Vault;

fn status(reply: &BindResponse) -> Option<&str> {
    reply.status.as_ref().map(protocol::value::Token::as_str)
}

/// BI1 of the card whose issuer asks; yields the challenge's name.
async fn challenged(world: &mut World, brian: &mut Actor) -> String {
    let body = brian.binding(world.now, "4000000000003220", "credit-card", "load");
    let sent = world.seal(brian, &body);
    let reply = world.send(&sent.text).await;
    let read = sent.read_reply_of::<BindResponse>(reply.as_bytes(), &[CHALLENGE_TYPE]);
    let (reply, _) = read.expect("a challenge");
    assert_eq!((reply.response_code, reply.problem), (ResponseCode::Retry, Some(Problem::CHALLENGE_REQUIRED)));
    assert_eq!(reply.questions.0[0].as_str(), "Mother's maiden name");
    reply.challenge.expect("a name").into_string()
}

async fn answer(world: &mut World, brian: &mut Actor, challenge: &str, answer: &str) -> BindResponse {
    let body = BindAnswer {
        server_date: world.now,
        swversion: value("1.0ref"),
        challenge: value(challenge),
        answers: Numbered(vec![value(answer)]),
        key: brian.key_name(),
        signature: None,
    };
    let sent = world.seal(brian, &body);
    let reply = world.send(&sent.text).await;
    assert_eq!(world.send(&sent.text).await, reply, "resending is not another try");
    let types = [CHALLENGE_TYPE, "bind-instrument-response"];
    sent.read_reply_of::<BindResponse>(reply.as_bytes(), &types).expect("a reply").0
}

async fn the_right_answer_binds(world: &mut World) {
    let mut brian = world.registered("customer", "brianb").await;
    let challenge = challenged(world, &mut brian).await;
    assert_eq!(challenged(world, &mut brian).await, challenge, "asked again, the question stands");
    assert_eq!(answer(world, &mut brian, &challenge, "Jones").await.problem, Some(Problem::CHALLENGE_REQUIRED));
    let reply = answer(world, &mut brian, &challenge, "sMITH").await;
    assert_eq!(status(&reply), Some("enabled"));
    brian.keep(&reply);
    assert_eq!(world.move_funds(&mut brian, "usd 10.00").await.balance, Some(money("usd 10.00")));
    let reply = answer(world, &mut brian, &challenge, "Smith").await;
    assert_eq!(reply.problem, Some(Problem::INSTRUMENT_UNKNOWN), "it was answered");
}

async fn an_answer_takes_the_place_of_no_other_instrument(world: &mut World) {
    let mut brian = world.registered("customer", "brianb").await;
    let challenge = challenged(world, &mut brian).await;
    // While the question waits, an account is bound and the operator decides on it.
    world.bind(&mut brian, ACCOUNT, "dda", "load,unload").await;
    world.edit(&brian, |account| account.status = InstrumentStatus::Disabled).await;
    assert_eq!(status(&answer(world, &mut brian, &challenge, "Smith").await), Some("enabled"));
    let known = world.instruments(&brian).await;
    let known: Vec<_> = known.iter().map(|known| (known.id.0, known.kind.as_str(), known.status)).collect();
    assert_eq!(known, [(1, "dda", InstrumentStatus::Disabled), (2, "visa", InstrumentStatus::Enabled)]);
}

async fn an_answer_undoes_nothing_that_the_operator_has_set(world: &mut World) {
    let mut brian = world.registered("customer", "brianb").await;
    let challenge = challenged(world, &mut brian).await;
    let reply = answer(world, &mut brian, &challenge, "Smith").await;
    brian.keep(&reply);
    let challenge = challenged(world, &mut brian).await;
    // Asked anew, the card is used, and then disabled and limited before the answer comes.
    let used = world.now;
    assert_eq!(world.move_funds(&mut brian, "usd 1.00").await.problem, None);
    let limits = [(Function::Load, Limit { once: Some(5), window: None, hours: 24 })];
    world.edit(&brian, |card| (card.status, card.limits) = (InstrumentStatus::Disabled, limits.into())).await;
    assert_eq!(status(&answer(world, &mut brian, &challenge, "Smith").await), Some("disabled"));
    let known = world.instruments(&brian).await;
    assert_eq!((known.len(), known[0].status, known[0].first_used), (1, InstrumentStatus::Disabled, Some(used)));
    assert_eq!(known[0].limits, limits.into());
    assert_eq!(world.move_funds(&mut brian, "usd 1.00").await.problem, Some(Problem::INSTRUMENT_DISABLED));
}

async fn three_wrong_answers_decline(world: &mut World) {
    let mut brian = world.registered("customer", "brianb").await;
    let challenge = challenged(world, &mut brian).await;
    for expected in [Problem::CHALLENGE_REQUIRED, Problem::CHALLENGE_REQUIRED, Problem::INSTRUMENT_DECLINED] {
        assert_eq!(answer(world, &mut brian, &challenge, "Jones").await.problem, Some(expected));
    }
    let reply = answer(world, &mut brian, &challenge, "Smith").await;
    assert_eq!(reply.problem, Some(Problem::INSTRUMENT_DECLINED));
    let reply = world.bind(&mut brian, "4000000000003220", "credit-card", "load").await;
    assert_eq!(reply.problem, Some(Problem::INSTRUMENT_DECLINED), "binding anew gives no new tries");
    world.pass_secs(24 * 3_600);
    let reply = world.bind(&mut brian, "4000000000003220", "credit-card", "load").await;
    assert_eq!(reply.problem, Some(Problem::INSTRUMENT_DECLINED), "a day has to be over");
    world.pass_millis(1);
    challenged(world, &mut brian).await;
}

async fn asking_again_gives_neither_tries_nor_time(world: &mut World) {
    let mut brian = world.registered("customer", "brianb").await;
    let challenge = challenged(world, &mut brian).await;
    for expected in [Problem::CHALLENGE_REQUIRED, Problem::CHALLENGE_REQUIRED, Problem::INSTRUMENT_DECLINED] {
        assert_eq!(answer(world, &mut brian, &challenge, "Jones").await.problem, Some(expected.clone()));
        if expected == Problem::CHALLENGE_REQUIRED {
            world.pass_secs(8 * 3_600);
            assert_eq!(challenged(world, &mut brian).await, challenge);
        }
    }
    world.pass_secs(8 * 3_600);
    world.pass_millis(1);
    let reply = answer(world, &mut brian, &challenge, "Smith").await;
    assert_eq!(reply.problem, Some(Problem::INSTRUMENT_UNKNOWN), "the question is as old as when it was first asked");
}

everywhere! {
    the_right_answer_binds
    an_answer_takes_the_place_of_no_other_instrument
    an_answer_undoes_nothing_that_the_operator_has_set
    three_wrong_answers_decline
    asking_again_gives_neither_tries_nor_time
}

/// A bank that asks before it binds anything.
struct Asking;

impl Issuer for Asking {
    fn name(&self) -> &'static str {
        "Asking Bank"
    }

    fn bind(&self, application: Application<'_>, now: Date) -> Decision {
        let terms = Terms { functions: application.functions.clone(), enabled_from: now };
        Decision::Challenge(vec!["Mother's maiden name".to_owned()], terms)
    }

    fn answers_fit(&self, _: &str, _: &[&str]) -> bool {
        true
    }

    fn load(&self, _: &str, _: Money, _: Date) -> LoadDecision {
        LoadDecision::Declined
    }

    fn unload(&self, _: &str, _: Money) -> bool {
        false
    }

    fn limits(&self) -> Limits {
        Limits { load_units: 1, window_units: 1, window_secs: 1 }
    }
}

#[tokio::test]
async fn eight_questions_may_wait_for_their_answers() {
    let mut world = World::new(Protocol::V2, Kind::Memory);
    let vault = Vault::of_key(&common::VAULT_KEY);
    let server = Server::new(world.store.clone(), common::server_keys(), vault, Box::new(Asking), World::config());
    world.server = Arc::new(server);
    let mut brian = world.registered("customer", "brianb").await;
    let mut problems = Vec::new();
    for n in 0..9 {
        let body = brian.binding(world.now, &format!("05901321817500{n}"), "dda", "load");
        let sent = world.seal(&mut brian, &body);
        let reply = world.send(&sent.text).await;
        let types = [CHALLENGE_TYPE, "bind-instrument-response"];
        let reply = sent.read_reply_of::<BindResponse>(reply.as_bytes(), &types).expect("a reply").0;
        problems.extend(reply.problem);
    }
    assert_eq!(problems[..8], vec![Problem::CHALLENGE_REQUIRED; 8]);
    assert_eq!(problems[8], Problem::LIMIT_EXCEEDED);
}
