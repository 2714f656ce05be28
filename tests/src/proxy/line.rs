//! The proxy: three ways on which messages travel, and what happens to them there.

use std::future::Future;
use std::io::{Error, Result};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use protocol::envelope::Envelope;
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;

use super::http::Message;
use super::script::{Fault, Script, Station};

/// Who asks whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// The wallet the server.
    Wallet,
    /// The wallet and the page the shop, and through it the till.
    Shop,
    /// The till the server.
    Till,
}

/// All of them.
const WAYS: [Way; 3] = [Way::Wallet, Way::Shop, Way::Till];
/// How late what is slow arrives: people wonder, nobody gives up.
const SLOW: Duration = Duration::from_secs(3);
/// How much later what comes again comes.
const LATER: Duration = Duration::from_millis(700);

/// The proxy.
pub struct Proxy {
    /// Where each way begins, and where it leads.
    ways: Vec<(SocketAddr, OnceLock<SocketAddr>)>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    script: Script,
    /// Which message the wallet sends next.
    step: Option<Station>,
    tape: Vec<Taped>,
    lies: Vec<String>,
}

/// A message that arrived as it was sent, and what was answered last.
#[derive(Clone)]
struct Taped {
    way: Way,
    request: Message,
    reply: Message,
}

impl Proxy {
    /// Listens on all ways; where they lead is said later.
    ///
    /// # Errors
    /// There is no free port.
    pub async fn start() -> Result<Arc<Self>> {
        let mut listeners = Vec::new();
        for _ in WAYS {
            listeners.push(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?);
        }
        let ways =
            listeners.iter().map(|listener| Ok((listener.local_addr()?, OnceLock::new()))).collect::<Result<_>>()?;
        let proxy = Arc::new(Self { ways, state: Mutex::default() });
        for (way, listener) in WAYS.into_iter().zip(listeners) {
            tokio::spawn(Arc::clone(&proxy).listen(way, listener));
        }
        Ok(proxy)
    }

    /// Where a way begins.
    pub fn address(&self, way: Way) -> SocketAddr {
        self.ways[way as usize].0
    }

    /// Says where a way leads, once.
    pub fn lead(&self, way: Way, to: SocketAddr) {
        // Said twice, it stays as it is.
        let _ = self.ways[way as usize].1.set(to);
    }

    /// From now on things go wrong as `script` says.
    pub fn play(&self, script: Script) {
        self.with(|state| *state = State { script, ..State::default() });
    }

    /// The wallet's next message to the server is this one.
    pub fn expect(&self, step: Station) {
        self.with(|state| state.step = Some(step));
    }

    /// What of the script has not happened.
    pub fn left(&self) -> Script {
        self.with(|state| state.script.clone())
    }

    /// What was answered that contradicts itself.
    pub fn lies(&self) -> Vec<String> {
        self.with(|state| state.lies.clone())
    }

    fn with<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        work(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    async fn listen(self: Arc<Self>, way: Way, listener: TcpListener) {
        while let Ok((stream, _)) = listener.accept().await {
            let proxy = Arc::clone(&self);
            // A connection that breaks is what this is all about.
            tokio::spawn(async move { drop(proxy.carry(way, stream).await) });
        }
    }

    async fn carry(self: Arc<Self>, way: Way, mut stream: TcpStream) -> Result<()> {
        let request = Message::request(&mut stream).await?;
        let fault =
            self.with(|state| station(way, &request, state.step).and_then(|station| state.script.next(station)));
        let reply = match fault {
            None => self.ask(way, &request).await?.bytes(),
            Some(fault) => match self.suffer(way, &request, fault).await? {
                Some(reply) => reply,
                None => return Ok(()),
            },
        };
        stream.write_all(&reply).await?;
        stream.shutdown().await
    }

    /// What comes back where something goes wrong; nothing if the caller hears nothing.
    async fn suffer(self: &Arc<Self>, way: Way, request: &Message, fault: Fault) -> Result<Option<Vec<u8>>> {
        let whole = |reply: Message| Some(reply.bytes());
        match fault {
            Fault::LoseRequest => Ok(None),
            Fault::LoseReply => self.ask(way, request).await.map(|_| None),
            Fault::CutRequest => request.ask_half(self.end(way)?).await.map(|()| None),
            Fault::CutReply => {
                let reply = self.ask(way, request).await?;
                let bytes = reply.bytes();
                Ok(Some(bytes[..bytes.len() - reply.body.len() / 2].to_vec()))
            }
            Fault::ShortRequest => request.shortened().ask(self.end(way)?).await.map(whole),
            Fault::ShortReply => self.ask(way, request).await.map(|reply| whole(reply.shortened())),
            Fault::GarbleRequest => request.garbled().ask(self.end(way)?).await.map(whole),
            Fault::GarbleReply => self.ask(way, request).await.map(|reply| whole(reply.garbled())),
            Fault::Twice => {
                let first = self.ask(way, request).await?;
                let second = self.ask(way, request).await?;
                self.compare(&first, &second);
                Ok(whole(second))
            }
            Fault::Again => {
                let reply = self.ask(way, request).await?;
                let (proxy, request) = (Arc::clone(self), request.clone());
                tokio::spawn(async move {
                    sleep(LATER).await;
                    proxy.ask(way, &request).await
                });
                Ok(whole(reply))
            }
            Fault::Slow => after(SLOW, self.ask(way, request)).await.map(whole),
            Fault::SlowReply => {
                let reply = self.ask(way, request).await?;
                sleep(SLOW).await;
                Ok(whole(reply))
            }
            Fault::Gateway => {
                self.ask(way, request).await?;
                Ok(whole(Message::response("502 Bad Gateway", "text/html", "<h1>Bad Gateway</h1>")))
            }
            Fault::Page => Ok(whole(Message::response("200 OK", "text/html", "<h1>Welcome to our hotel</h1>"))),
            Fault::Crossed => {
                let before = self.with(|state| state.tape.iter().rev().find(|taped| taped.way == way).cloned());
                self.ask(way, request).await?;
                Ok(before.map(|taped| taped.reply.bytes()))
            }
        }
    }

    fn end(&self, way: Way) -> Result<SocketAddr> {
        self.ways[way as usize].1.get().copied().ok_or_else(|| Error::other("the way leads nowhere"))
    }

    /// Passes a request on as it is; messages are taped.
    async fn ask(&self, way: Way, request: &Message) -> Result<Message> {
        let reply = request.ask(self.end(way)?).await?;
        if request.line().starts_with("POST") && is_message(request) && is_message(&reply) {
            self.with(|state| {
                state.tape.retain(|taped| taped.way != way || taped.request.body != request.body);
                state.tape.push(Taped { way, request: request.clone(), reply: reply.clone() });
            });
        }
        Ok(reply)
    }

    /// Sends every message of the script once more; the same bytes have the same answer. Yields how many there were.
    ///
    /// # Errors
    /// A party is away.
    pub async fn repeat_all(&self) -> Result<usize> {
        let tape = self.with(|state| state.tape.clone());
        for taped in &tape {
            let reply = taped.request.ask(self.end(taped.way)?).await?;
            self.compare(&taped.reply, &reply);
        }
        Ok(tape.len())
    }

    /// A message that was answered for good has that answer for ever; an error is not stored.
    fn compare(&self, first: &Message, second: &Message) {
        if kind(first).is_some_and(|kind| kind != "error") && first.body != second.body {
            let texts = [first, second].map(|reply| String::from_utf8_lossy(&reply.body).into_owned());
            self.with(|state| state.lies.push(format!("one message, two answers:\n{}", texts.join("\n"))));
        }
    }
}

async fn after<T>(pause: Duration, work: impl Future<Output = T>) -> T {
    sleep(pause).await;
    work.await
}

/// Which message of the sample transaction a request is.
fn station(way: Way, request: &Message, step: Option<Station>) -> Option<Station> {
    let line = request.line();
    match way {
        Way::Wallet if line.starts_with("GET /cybercash/keys") => Some(Station::Keys),
        // What the wallet says is sealed; the test knows which button it has pressed.
        Way::Wallet if is_message(request) => step,
        Way::Shop if line.contains("/payment-request") => Some(Station::Offer),
        Way::Shop if is_message(request) => Some(Station::Pay),
        Way::Till if kind(request).as_deref() == Some("cash-collection") => Some(Station::Collect),
        _ => None,
    }
}

fn is_message(message: &Message) -> bool {
    message.header("content-type").is_some_and(|kind| kind.starts_with("application/cybercash"))
}

/// The `type` of a message, or an empty one where that is sealed; nothing if it is no message.
fn kind(message: &Message) -> Option<String> {
    let envelope = Envelope::parse(&message.body).ok()?;
    Some(envelope.pairs.get("type").unwrap_or_default().to_owned())
}
