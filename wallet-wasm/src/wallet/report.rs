//! MR1 (protocol.md 6.12): a reply that cannot be used is shown to the server's operator.

use protocol::exchange::seal;
use protocol::message::RequestHead;
use protocol::message::report::MessageReport;
use protocol::outcome::Problem;
use protocol::value::{Lines, Text};

use super::step::{Desk, Env, software, transaction};

/// The longest piece of a reply that is reported: what its label holds.
const LONGEST: usize = 65_536;

/// MR1 for `received`; nothing if the server is not known.
pub fn report(desk: &Desk, received: &[u8], env: &mut Env<'_>) -> Option<String> {
    let server = desk.server_key().ok()?;
    let head = RequestHead {
        id: desk.books.persona().ok().map(|persona| persona.id.clone()),
        transaction: transaction(env),
        date: env.now,
        serverkey: server.name.clone(),
        service_category: None,
    };
    let body = MessageReport {
        server_date: desk.server_date(env),
        swversion: software(),
        problem: Problem::FORM,
        diagnosis: Text::of("the reply cannot be read or is not authentic"),
        received: quotable(received),
    };
    seal(&head, &body, &server, None, env.rng).ok().map(|sent| sent.text)
}

/// What came, as far as a value may hold it.
fn quotable(received: &[u8]) -> Option<Lines<LONGEST>> {
    let text = String::from_utf8_lossy(received);
    let plain = text.chars().filter(|c| matches!(c, '\n' | ' '..='~')).take(LONGEST);
    Lines::of(&plain.collect::<String>())
}
