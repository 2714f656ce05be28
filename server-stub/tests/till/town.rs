//! The real binaries: a payment server, a till, and between them a line that can be cut.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::{Router, routing::get, routing::post};
use protocol::Protocol;
use protocol::envelope::{Envelope, MEDIA_TYPE};
use protocol::offer::Offer;
use reqwest::Client;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::oneshot;

/// Longest wait for what should happen soon.
pub const PATIENCE: Duration = Duration::from_secs(30);

pub fn http() -> Client {
    Client::builder().no_proxy().build().expect("a client")
}

/// A process that ends with the test.
pub struct Program(Child);

impl Program {
    /// Starts the program and reads its first lines, as many as it prints within them.
    fn start(args: &[&str], lines: usize) -> (Self, Vec<String>) {
        Self::start_in(args, lines, None)
    }

    /// The same, with rare branches made frequent where `rare` says so ([`protocol::buggify`]).
    fn start_in(args: &[&str], lines: usize, rare: Option<&str>) -> (Self, Vec<String>) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_server-stub"));
        command.envs(rare.map(|rare| ("PAY_CASH_BUGGIFY", rare)));
        let mut child = command.args(args).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("a process");
        let out = BufReader::new(child.stdout.take().expect("its output"));
        let lines = out.lines().take(lines).map(|line| line.expect("a line")).collect();
        (Self(child), lines)
    }

    /// As the power does.
    pub fn kill(&mut self) {
        self.0.kill().expect("a process to kill");
        self.0.wait().expect("a process that ended");
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Where a message is when its trap springs.
#[derive(Clone, Copy, Debug)]
pub enum Place {
    /// On its way: the server never sees it.
    Going,
    /// The server has done its work, and its answer is lost.
    Answered,
    /// The answer left so many milliseconds ago.
    Told(u64),
}

/// Every place, and a till's work after an answer at several moments.
pub const PLACES: [Place; 6] =
    [Place::Going, Place::Answered, Place::Told(0), Place::Told(1), Place::Told(3), Place::Told(8)];

/// Lies in wait for one message.
struct Trap {
    /// How many messages pass before it.
    pass: usize,
    place: Place,
    sprung: oneshot::Sender<()>,
}

/// What the line between till and server does.
#[derive(Default)]
pub struct Line {
    /// Whether the server's replies get lost.
    pub cut: bool,
    /// Every CA2 that passed, in order.
    pub collections: Vec<String>,
    trap: Option<Trap>,
}

impl Line {
    /// Lies in wait for the message after `pass` others; what is given back ends when it is at `place`, where it stays.
    pub fn set_trap(&mut self, pass: usize, place: Place) -> oneshot::Receiver<()> {
        let (sprung, ends) = oneshot::channel();
        self.trap = Some(Trap { pass, place, sprung });
        ends
    }

    /// Takes the trap away; says whether no message has come to it.
    pub fn take_trap(&mut self) -> bool {
        self.trap.take().is_some()
    }

    /// The trap, if it is this message's.
    fn trap_of_next(&mut self) -> Option<Trap> {
        let due = self.trap.take_if(|trap| trap.pass == 0);
        if let Some(trap) = &mut self.trap {
            trap.pass -= 1;
        }
        due
    }
}

/// A payment server, a till, a line between them.
pub struct Town {
    pub protocol: Protocol,
    pub server: String,
    pub till: String,
    pub api_key: String,
    line: Arc<Mutex<Line>>,
    line_address: String,
    data: TempDir,
    _server: Program,
    till_program: Program,
    more: Vec<&'static str>,
}

impl Town {
    pub async fn new(protocol: Protocol, more: &[&'static str]) -> Self {
        let data = tempfile::tempdir().expect("a folder");
        let folder = data.path().join("server");
        let folder = folder.to_str().expect("a name");
        let args = ["serve", "--listen", "127.0.0.1:0", "--allow-classic", "--data-dir", folder];
        let (program, lines) = Program::start(&args, 1);
        let server = lines[0].strip_prefix("listening on ").expect("an address").to_owned();
        let line = Arc::<Mutex<Line>>::default();
        let line_address = lay(server.clone(), line.clone()).await;
        let (till_program, till, api_key) = till(&line_address, protocol, &data, more, 2, None);
        let api_key = api_key.expect("an API key, printed once");
        let more = more.to_vec();
        Self { protocol, server, till, api_key, line, line_address, data, _server: program, till_program, more }
    }

    pub fn line(&self) -> MutexGuard<'_, Line> {
        held(&self.line)
    }

    /// kill -9 and a new start on the same folder.
    pub fn restart_till(&mut self) {
        self.till_program.kill();
        self.start_till();
    }

    /// A start on the same folder.
    pub fn start_till(&mut self) {
        self.start_till_with(None);
    }

    /// The same, with a till in which rare branches strike often; gives the folder in which they leave their names.
    pub fn restart_till_with_rare_branches(&mut self, per_mille: u32) -> std::path::PathBuf {
        let hits = self.data.path().join("hits");
        std::fs::create_dir_all(&hits).expect("a folder");
        self.till_program.kill();
        self.start_till_with(Some(&format!("1995,{per_mille},{}", hits.display())));
        hits
    }

    fn start_till_with(&mut self, rare: Option<&str>) {
        let (program, till, api_key) = till(&self.line_address, self.protocol, &self.data, &self.more, 1, rare);
        assert_eq!(api_key, None, "the key is shown once");
        (self.till_program, self.till) = (program, till);
    }

    /// Arguments of another till in the same folder.
    pub fn till_folder(&self) -> std::path::PathBuf {
        self.data.path().join("till")
    }

    pub fn stop_till(&mut self) {
        self.till_program.kill();
    }

    /// Another till at the same server, with books of its own in `data`.
    pub fn another_till(&self, data: &TempDir, more: &[&str]) -> (Program, String, String) {
        let (program, till, api_key) = till(&self.line_address, self.protocol, data, more, 2, None);
        (program, till, api_key.expect("an API key, printed once"))
    }

    /// `POST /orders`.
    pub async fn post_order(&self, order: &Value) -> (u16, Value) {
        let request = http().post(format!("{}/orders", self.till)).bearer_auth(&self.api_key);
        let request = request.header(header::CONTENT_TYPE, "application/json").body(order.to_string());
        answer(request).await
    }

    /// Places an order and fetches its offer as a page does.
    pub async fn order(&self, amount: &str) -> Offer {
        let (status, placed) = self.post_order(&json!({ "amount": amount, "note": "Rocket Shoes" })).await;
        assert_eq!(status, 201, "{placed}");
        let id = placed["order-id"].as_str().expect("an id");
        let url = format!("{}/orders/{id}/payment-request", self.till);
        let offer = http().get(url).send().await.expect("an answer");
        assert_eq!(offer.headers()[header::CONTENT_TYPE], MEDIA_TYPE);
        Offer::read(&offer.bytes().await.expect("an offer")).expect("an offer")
    }

    pub async fn status(&self, offer: &Offer) -> String {
        let url = format!("{}/orders/{}", self.till, offer.request.order_id);
        let (_, order) = answer(http().get(url).bearer_auth(&self.api_key)).await;
        order["status"].as_str().expect("a status").to_owned()
    }

    /// Sends a CA1 as a wallet does.
    pub async fn pay(&self, offer: &Offer, ca1: &str) -> Vec<u8> {
        let url = format!("{}/orders/{}/pay", self.till, offer.request.order_id);
        let request = http().post(url).header(header::CONTENT_TYPE, MEDIA_TYPE).body(ca1.to_owned());
        let answer = request.send().await.expect("an answer");
        assert_eq!(answer.status().as_u16(), 200);
        answer.bytes().await.expect("a message").to_vec()
    }
}

/// Status and JSON of an answer.
pub async fn answer(request: reqwest::RequestBuilder) -> (u16, Value) {
    let answer = request.send().await.expect("an answer");
    let status = answer.status().as_u16();
    let body = answer.bytes().await.expect("a body");
    (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
}

fn till(
    server: &str,
    protocol: Protocol,
    data: &TempDir,
    more: &[&str],
    lines: usize,
    rare: Option<&str>,
) -> (Program, String, Option<String>) {
    let folder = data.path().join("till");
    let folder = folder.to_str().expect("a name");
    let fixed = ["till", "--listen", "127.0.0.1:0", "--name", "acme", "--data-dir", folder, "--server", server];
    let args = [&fixed[..], &["--protocol", protocol.number()], more].concat();
    let (program, lines) = Program::start_in(&args, lines, rare);
    let address = lines[0].strip_prefix("listening on ").expect("an address").to_owned();
    let key = lines.get(1).and_then(|line| line.strip_prefix("api key: ")).map(str::to_owned);
    (program, address, key)
}

/// Lays a line to the server.
async fn lay(server: String, line: Arc<Mutex<Line>>) -> String {
    let keys = |State((server, _)): State<(String, Arc<Mutex<Line>>)>| async move {
        http().get(format!("{server}/cybercash/keys")).send().await.expect("keys").bytes().await.expect("keys")
    };
    let routes = Router::new().route("/cybercash", post(pass)).route("/cybercash/keys", get(keys));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move { axum::serve(listener, routes.with_state((server, line))).await });
    format!("http://{address}")
}

async fn pass(State((server, line)): State<(String, Arc<Mutex<Line>>)>, message: Bytes) -> Response {
    let mut trap = held(&line).trap_of_next();
    stay(trap.take_if(|trap| matches!(trap.place, Place::Going))).await;
    let is_collection = Envelope::parse(&message).is_ok_and(|sent| sent.pairs.get("type") == Some("cash-collection"));
    let reply = http().post(format!("{server}/cybercash")).body(message.to_vec()).send().await.expect("a reply");
    let reply = reply.bytes().await.expect("a reply");
    stay(trap.take_if(|trap| matches!(trap.place, Place::Answered))).await;
    if let Some(Trap { place: Place::Told(after), sprung, .. }) = trap {
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(after)).await;
            sprung.send(()).expect("somebody waits for it");
        });
    }
    let mut line = held(&line);
    if is_collection {
        line.collections.push(String::from_utf8_lossy(&message).into_owned());
        if line.cut {
            return StatusCode::BAD_GATEWAY.into_response();
        }
    }
    ([(header::CONTENT_TYPE, MEDIA_TYPE)], reply).into_response()
}

fn held(line: &Mutex<Line>) -> MutexGuard<'_, Line> {
    line.lock().expect("no test panicked with the line in its hands")
}

/// Says that the message is here, and lets it go no further.
async fn stay(trap: Option<Trap>) {
    if let Some(trap) = trap {
        trap.sprung.send(()).expect("somebody waits for it");
        std::future::pending::<()>().await;
    }
}
