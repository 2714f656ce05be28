//! The real program, on a port of its own.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::time::Duration;

use protocol::Protocol;
use protocol::exchange::{SentRequest, seal};
use protocol::keys::Published;
use protocol::message::Request;
use protocol::outcome::ResponseCode;
use protocol::persona::PersonaId;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use server_stub::http::now;
use server_stub::keys::ServerKeys;
use server_stub::vault::{Vault, make_folder};

use super::actor::{ACCOUNT, Actor, OpenedSession};
use super::{Kind, World};

/// Somebody who pays from one session into another.
pub struct Customer {
    pub world: World,
    pub payer: OpenedSession,
    pub sales: OpenedSession,
    pub payee: PersonaId,
}

/// `server-stub serve`, until it is dropped.
pub struct Program {
    child: Child,
    pub url: String,
    out: BufReader<ChildStdout>,
    /// What it says on standard error.
    pub log: PathBuf,
}

/// The program with a subcommand.
pub fn server_stub(subcommand: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_server-stub"));
    command.arg(subcommand).env_remove("RUST_LOG");
    command
}

/// Keys of the program's own for books that were made without it: it makes none for books that are somebody's.
pub fn give_keys(folder: &Path) {
    let (keys, mut rng) = (folder.join("keys"), StdRng::seed_from_u64(0));
    make_folder(&keys).expect("a folder");
    ServerKeys::open(&keys, true, &mut rng).expect("keys");
    Vault::open(&keys, &mut rng).expect("a key");
}

impl Program {
    /// Speaking both protocols, with its data in `folder`.
    pub fn start(folder: &Path) -> Self {
        Self::start_with(folder, &["--allow-classic"])
    }

    /// With further arguments.
    pub fn start_with(folder: &Path, arguments: &[&str]) -> Self {
        let mut command = server_stub("serve");
        command.arg("--data-dir").arg(folder).args(arguments);
        Self::run(command, folder.with_extension("log"))
    }

    /// With its books in a database, which others may share, and the keys that they share too.
    pub fn start_on(database: &str, keys: &Path, log: PathBuf) -> Self {
        Self::start_on_with(database, keys, log, &["--allow-classic"])
    }

    /// The same with other arguments.
    pub fn start_on_with(database: &str, keys: &Path, log: PathBuf, arguments: &[&str]) -> Self {
        let mut command = server_stub("serve");
        command.args(["--database", database, "--keys-dir"]).arg(keys).args(arguments);
        Self::run(command, log)
    }

    /// Under a shell that ignores the signal of files that are too large, so that writing them fails instead.
    pub fn start_limited(folder: &Path) -> Self {
        let mut command = Command::new("sh");
        command.args(["-c", "trap '' XFSZ; exec \"$0\" serve \"$@\"", env!("CARGO_BIN_EXE_server-stub")]);
        command.arg("--data-dir").arg(folder);
        Self::run(command, folder.with_extension("log"))
    }

    /// From now on no file may grow beyond so many bytes, as if the disk were full; or without a bound.
    pub fn limit_files(&self, bytes: Option<u64>) {
        let limit = rustix::process::Rlimit { current: bytes, maximum: None };
        let pid = i32::try_from(self.id()).ok().and_then(rustix::process::Pid::from_raw);
        rustix::process::prlimit(pid, rustix::process::Resource::Fsize, limit).expect("a limit");
    }

    /// As a command of [`server_stub`] says, on a port of its own.
    pub fn run(mut command: Command, log: PathBuf) -> Self {
        let errors = File::options().create(true).append(true).open(&log).expect("a file");
        command.args(["--listen", "127.0.0.1:0"]);
        let mut child = command.stdout(Stdio::piped()).stderr(errors).spawn().expect("the program starts");
        let out = BufReader::new(child.stdout.take().expect("its output"));
        let mut program = Self { child, url: String::new(), out, log };
        program.url = program.line("listening on ");
        program
    }

    /// What follows `beginning` in the next line it prints.
    pub fn line(&mut self, beginning: &str) -> String {
        let mut line = String::new();
        self.out.read_line(&mut line).expect("a line");
        line.trim().strip_prefix(beginning).unwrap_or_else(|| panic!("{line:?}")).to_owned()
    }

    /// The process's id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// SIGKILL: it has no time for anything.
    pub fn kill(mut self) {
        self.child.kill().expect("it was running");
        self.child.wait().expect("it ended");
    }

    /// SIGTERM: it is asked to end.
    pub fn ask_to_end(&self) {
        let pid = i32::try_from(self.child.id()).ok().and_then(rustix::process::Pid::from_raw).expect("a process");
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("it was running");
    }

    /// Waits for its end.
    pub fn ended(&mut self) -> ExitStatus {
        self.child.wait().expect("it ends")
    }

    /// Waits until `/readyz` says this, with the status that goes with it: the books are tried now and then.
    pub async fn readiness_is(&self, said: &str) {
        loop {
            let response = reqwest::get(format!("{}/readyz", self.url)).await.expect("an answer");
            let (status, text) = (response.status(), response.text().await.expect("a text"));
            assert_eq!(status.is_success(), text == "ready\n", "{status}: {text}");
            if text == said {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    pub async fn published(&self) -> Published {
        let text = reqwest::get(format!("{}/cybercash/keys", self.url)).await.expect("keys").text().await;
        serde_json::from_str(&text.expect("a text")).expect("keys")
    }

    /// Sends a message; nothing comes back if the program dies meanwhile.
    pub async fn send(&self, message: &str) -> Option<String> {
        let request = reqwest::Client::new().post(format!("{}/cybercash", self.url)).body(message.to_owned());
        request.send().await.ok()?.text().await.ok()
    }

    /// Seals a request to the program's key.
    pub async fn seal<M: Request>(&self, world: &mut World, actor: &mut Actor, body: &M) -> SentRequest {
        let key = self.published().await.key_for(actor.protocol).expect("a key");
        let head = actor.head::<M>(now(), &key.name);
        seal(&head, body, &key, Some(&actor.key), &mut world.rng).expect("keys of this suite")
    }

    /// So many of them, of one shopper with `funds` and one merchant, each with sessions of their own that hold `limit` and
    /// last for `uses`.
    pub async fn customers(&self, count: u64, funds: &str, (limit, uses): (&str, u64)) -> Vec<Customer> {
        let mut world = World::new(Protocol::V2, Kind::Memory);
        let mut brian = Actor::new(Protocol::V2, "customer", "brianb");
        let body = brian.registration(now());
        brian.id = self.ask(&mut world, &mut brian, &body).await.response_id;
        let mut acme = Actor::new(Protocol::V2, "merchant", "acme");
        let body = acme.registration(now());
        acme.id = self.ask(&mut world, &mut acme, &body).await.response_id;
        let body = brian.binding(now(), ACCOUNT, "dda", "load,unload");
        let bound = self.ask(&mut world, &mut brian, &body).await;
        brian.keep(&bound);
        let body = brian.funds(now(), funds);
        assert_eq!(self.ask(&mut world, &mut brian, &body).await.response_code, ResponseCode::Success);
        let mut customers = Vec::new();
        for n in 0..count {
            let body = brian.opening(now(), limit, 1_440, uses);
            let payer = OpenedSession::of(self.ask(&mut world, &mut brian, &body).await);
            let body = acme.opening(now(), "usd 0.00", 1_440, uses);
            let sales = OpenedSession::of(self.ask(&mut world, &mut acme, &body).await);
            let mut own = World::new(Protocol::V2, Kind::Memory);
            own.rng = StdRng::seed_from_u64(n);
            customers.push(Customer { world: own, payer, sales, payee: acme.id.clone().expect("an id") });
        }
        customers
    }

    pub async fn ask<M: Request>(&self, world: &mut World, actor: &mut Actor, body: &M) -> M::Reply {
        let sent = self.seal(world, actor, body).await;
        let reply = self.send(&sent.text).await.expect("a reply");
        sent.read_reply(reply.as_bytes()).expect("a reply")
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // After `kill` there is nothing left to end.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_file(&self.log);
    }
}
