//! The server over HTTP, without a socket; and what it says when its database fails.

mod common;

use std::collections::{HashMap, HashSet};
use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode, header};
use axum::response::Response;
use common::actor::Actor;
use common::{Kind, World, error_of, server};
use futures_util::future::join_all;
use protocol::Protocol;
use protocol::date::Date;
use protocol::envelope::MAX_MESSAGE_BYTES;
use protocol::keys::Published;
use protocol::message::registration::RegistrationResponse;
use protocol::message::report::MessageReport;
use protocol::money::Currency;
use protocol::outcome::{Problem, ResponseCode};
use protocol::persona::PersonaId;
use protocol::value::{Function, Index, OrderId, SessionId};
use server_stub::http::operator::{Readiness, readiness};
use server_stub::http::{now, router};
use server_stub::server::Config;
use server_stub::store::record::{Attempts, Charge, Epoch, InstrumentId, LogKey, Report, Session, Transaction};
use server_stub::store::{
    BookReader, Books, ChangeSet, Collected, CommitError, Logged, MemoryStore, PersonaFile, Refund, Setting, Statement,
    Store, StoreError, Window,
};
use tower::ServiceExt as _;

async fn ask(world: &World, request: Request<Body>) -> Response {
    router(world.server.clone()).oneshot(request).await.expect("an answer")
}

fn post(body: impl Into<Body>) -> Request<Body> {
    Request::post("/cybercash").header(header::ORIGIN, "https://shop.example").body(body.into()).expect("a request")
}

fn header_of<'a>(response: &'a Response, name: &str) -> &'a str {
    response.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

async fn text(response: Response) -> String {
    let bytes = to_bytes(response.into_body(), 2 * MAX_MESSAGE_BYTES).await.expect("a body");
    String::from_utf8(bytes.to_vec()).expect("text")
}

#[tokio::test]
async fn a_message_goes_in_and_one_comes_out() {
    let mut world = World::new(Protocol::V2, Kind::Memory);
    world.now = now();
    let mut actor = Actor::new(Protocol::V2, "customer", "brianb");
    let body = actor.registration(world.now);
    let sent = world.seal(&mut actor, &body);
    let response = ask(&world, post(sent.text.clone())).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(header_of(&response, "content-type"), "application/cybercash");
    assert_eq!(header_of(&response, "access-control-allow-origin"), "*");
    let reply: RegistrationResponse = sent.read_reply(text(response).await.as_bytes()).expect("a reply");
    assert_eq!(reply.response_code, ResponseCode::Success);
}

#[tokio::test]
async fn a_report_is_answered_by_nothing() {
    let mut world = World::new(Protocol::V2, Kind::Memory);
    let mut actor = Actor::new(Protocol::V2, "customer", "brianb");
    let body = MessageReport {
        server_date: world.now,
        swversion: common::value("1.0ref"),
        problem: Problem::FORM,
        diagnosis: None,
        received: None,
    };
    let sent = world.seal(&mut actor, &body);
    let response = ask(&world, post(sent.text)).await;
    assert_eq!(response.status(), StatusCode::NO_CONTENT);
    assert_eq!(text(response).await, "");
}

#[tokio::test]
async fn what_is_no_message_is_a_bad_request() {
    let mut world = World::new(Protocol::V2, Kind::Memory);
    let mut actor = Actor::new(Protocol::V2, "customer", "brianb");
    let body = actor.registration(world.now);
    let sent = world.seal(&mut actor, &body).text;
    let damaged = sent.replace("transaction: 1001", "transaction: 1002");
    for body in [String::new(), "hello".to_owned(), damaged, format!("{sent}x")] {
        let response = ask(&world, post(body)).await;
        assert_eq!(response.status(), StatusCode::BAD_REQUEST);
        assert_eq!(header_of(&response, "content-type"), "application/problem+json");
        assert!(text(response).await.contains("\"status\":400"));
    }
    assert_eq!(world.store.taken(&[common::value("brianb-40")]).await, Ok(HashSet::new()));
}

#[tokio::test]
async fn what_is_too_large_is_not_read() {
    let world = World::new(Protocol::V2, Kind::Memory);
    for (bytes, status) in
        [(MAX_MESSAGE_BYTES, StatusCode::BAD_REQUEST), (MAX_MESSAGE_BYTES + 1, StatusCode::PAYLOAD_TOO_LARGE)]
    {
        let response = ask(&world, post(vec![b'x'; bytes])).await;
        assert_eq!(response.status(), status);
        assert_eq!(header_of(&response, "access-control-allow-origin"), "*");
    }
}

#[tokio::test]
async fn keys_health_and_preflight() {
    let world = World::new(Protocol::V2, Kind::Memory);
    let get = |path: &str| Request::get(path).body(Body::empty()).expect("a request");
    let response = ask(&world, get("/cybercash/keys")).await;
    let published: Published = serde_json::from_str(&text(response).await).expect("keys");
    assert_eq!(published, world.server.published());
    assert_eq!(published.protocols, ["2.0", "1.0"]);
    assert_eq!(published.keys.len(), 2);
    assert_eq!(ask(&world, get("/healthz")).await.status(), StatusCode::OK);
    assert_eq!(ask(&world, get("/cybercash")).await.status(), StatusCode::METHOD_NOT_ALLOWED);
    let preflight = Request::options("/cybercash")
        .header(header::ORIGIN, "https://shop.example")
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "content-type")
        .header("access-control-request-private-network", "true")
        .body(Body::empty())
        .expect("a request");
    let response = ask(&world, preflight).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(header_of(&response, "access-control-allow-headers"), "content-type");
    assert_eq!(header_of(&response, "access-control-allow-private-network"), "true");
    assert_eq!(header_of(&response, "access-control-allow-credentials"), "");
}

/// A store whose commits fail in a way of the test's choice.
struct Failing {
    store: MemoryStore,
    /// Without one, commits never end.
    error: Option<CommitError>,
    tried: AtomicUsize,
}

impl Failing {
    fn with(error: Option<CommitError>) -> Self {
        Self { store: MemoryStore::new(), error, tried: AtomicUsize::new(0) }
    }
}

#[async_trait]
impl Store for Failing {
    async fn persona(&self, id: &PersonaId) -> Result<Option<PersonaFile>, StoreError> {
        self.store.persona(id).await
    }

    async fn taken(&self, ids: &[PersonaId]) -> Result<HashSet<PersonaId>, StoreError> {
        self.store.taken(ids).await
    }

    async fn logged(&self, key: &LogKey) -> Result<Option<Logged>, StoreError> {
        self.store.logged(key).await
    }

    async fn sessions(&self, ids: &[SessionId]) -> Result<HashMap<u64, Session>, StoreError> {
        self.store.sessions(ids).await
    }

    async fn collected(&self, keys: &[(SessionId, Index)]) -> Result<Collected, StoreError> {
        self.store.collected(keys).await
    }

    async fn history(&self, session: &SessionId, limit: usize) -> Result<Vec<Transaction>, StoreError> {
        self.store.history(session, limit).await
    }

    async fn refunds(&self, session: &SessionId, index: Index) -> Result<Vec<Refund>, StoreError> {
        self.store.refunds(session, index).await
    }

    async fn statement(&self, id: &PersonaId, window: Window, limit: usize) -> Result<Option<Statement>, StoreError> {
        self.store.statement(id, window, limit).await
    }

    async fn charge(&self, persona: &PersonaId, date: Date, reference: &str) -> Result<Option<Charge>, StoreError> {
        self.store.charge(persona, date, reference).await
    }

    async fn moved_since(
        &self,
        persona: &PersonaId,
        instrument: InstrumentId,
        currency: Currency,
        function: Function,
        since: Date,
    ) -> Result<i64, StoreError> {
        self.store.moved_since(persona, instrument, currency, function, since).await
    }

    async fn attempts(&self, id: &PersonaId) -> Result<Option<Attempts>, StoreError> {
        self.store.attempts(id).await
    }

    async fn due(&self, now: Date, limit: usize) -> Result<Vec<PersonaId>, StoreError> {
        self.store.due(now, limit).await
    }

    async fn epoch(&self) -> Result<Option<Epoch>, StoreError> {
        self.store.epoch().await
    }

    async fn payments_of(
        &self,
        order: &OrderId,
        payee: Option<&PersonaId>,
        after: (u64, u16),
        limit: usize,
    ) -> Result<Vec<Transaction>, StoreError> {
        self.store.payments_of(order, payee, after, limit).await
    }

    async fn reports(&self, after: (Date, [u8; 32]), limit: usize) -> Result<Vec<Report>, StoreError> {
        self.store.reports(after, limit).await
    }

    async fn report(&self, hash: &[u8; 32]) -> Result<Option<Report>, StoreError> {
        self.store.report(hash).await
    }

    async fn settings(&self) -> Result<Vec<Setting>, StoreError> {
        self.store.settings().await
    }

    async fn new_session_id(&self) -> Result<SessionId, StoreError> {
        self.store.new_session_id().await
    }

    async fn commit(&self, _: ChangeSet) -> Result<(), CommitError> {
        self.tried.fetch_add(1, Ordering::Relaxed);
        match &self.error {
            Some(error) => Err(error.clone()),
            None => pending().await,
        }
    }
}

#[async_trait]
impl Books for Failing {
    async fn show(&self, see: &mut BookReader<'_>) -> Result<(), StoreError> {
        self.store.show(see).await
    }
}

#[tokio::test]
async fn a_message_that_cannot_be_stored_is_not_acknowledged() {
    let conflict = server_stub::store::Conflict::LogKeyUsed;
    for (error, problem) in [
        (CommitError::Busy, Problem::BUSY),
        (CommitError::Store(StoreError::Failed("the disk is full".to_owned())), Problem::INTERNAL),
        (CommitError::Conflict(conflict), Problem::BUSY),
    ] {
        let mut world = World::new(Protocol::V2, Kind::Memory);
        let store = Arc::new(Failing::with(Some(error)));
        world.server = Arc::new(server(store, Config::default()));
        let mut actor = Actor::new(Protocol::V2, "customer", "brianb");
        let body = actor.registration(world.now);
        let sent = world.seal(&mut actor, &body);
        let reply = world.send(&sent.text).await;
        assert_eq!(error_of(&reply), problem);
        assert!(reply.contains("response-code: retry") && !reply.contains("disk"), "{reply}");
    }
}

/// What `/readyz` says to some who ask at once and to others who ask one by one, and how often the books were tried for it.
async fn ready(error: Option<CommitError>, at_once: usize, one_by_one: usize) -> (Vec<(StatusCode, String)>, usize) {
    let store = Arc::new(Failing::with(error));
    let router = readiness(Readiness::new(Arc::new(server(store.clone(), Config::default()))));
    let ask = async || {
        let request = Request::get("/readyz").body(Body::empty()).expect("a request");
        let response = router.clone().oneshot(request).await.expect("an answer");
        (response.status(), text(response).await)
    };
    let mut said = join_all((0..at_once).map(|_| ask())).await;
    for _ in 0..one_by_one {
        said.push(ask().await);
    }
    (said, store.tried.load(Ordering::Relaxed))
}

#[tokio::test]
async fn who_has_too_much_to_do_is_ready_and_who_can_store_nothing_is_not() {
    const ASKED: usize = 50;
    let broken = CommitError::Store(StoreError::Failed("the disk is full".to_owned()));
    for (error, status, told) in [
        (CommitError::Busy, StatusCode::OK, "ready\n"),
        (broken, StatusCode::SERVICE_UNAVAILABLE, "nothing can be stored\n"),
    ] {
        let (said, tried) = ready(Some(error), ASKED, ASKED).await;
        assert!(said.iter().all(|said| *said == (status, told.to_owned())), "{said:?}");
        assert!((1..ASKED).contains(&tried), "{tried} trials");
    }
}

#[tokio::test]
async fn where_the_disk_hangs_nobody_waits_for_long_and_one_trial_is_enough() {
    // The last one asks after the first have given up.
    let (said, tried) = ready(None, 2, 1).await;
    assert!(said.iter().all(|said| *said == (StatusCode::SERVICE_UNAVAILABLE, String::new())), "{said:?}");
    assert_eq!(tried, 1, "the one that hangs is not joined by others");
}
