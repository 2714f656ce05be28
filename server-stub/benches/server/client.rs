//! Tills that send prepared collections one after the other, each over a connection of its own that is kept open.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How much of an answer is read at once, bytes.
const CHUNK: usize = 1 << 16;

/// What came of a load.
pub struct Load {
    pub payments: usize,
    pub elapsed: Duration,
    /// Processor time of the server.
    pub cpu: Duration,
    /// How long each collection took, the fastest first.
    pub times: Vec<Duration>,
}

impl Load {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a part of a small number")]
    /// The time within which this part of the collections was answered.
    pub fn percentile(&self, part: f64) -> Duration {
        let place = (self.times.len() as f64 * part).ceil() as usize;
        self.times[place.clamp(1, self.times.len()) - 1]
    }
}

/// Sends each till's messages, all tills at once; yields how long it took, each time, and the answers.
pub fn send(server: SocketAddr, tills: Vec<Vec<String>>) -> (Duration, Vec<Duration>, Vec<Vec<String>>) {
    let requests = tills.into_iter().map(|messages| messages.into_iter().map(request).collect::<Vec<_>>());
    let mut tills: Vec<_> = requests.map(|requests| (connect(server), requests)).collect();
    let start = Instant::now();
    let done: Vec<(Vec<Duration>, Vec<String>)> = std::thread::scope(|scope| {
        let running: Vec<_> =
            tills.iter_mut().map(|(stream, requests)| scope.spawn(move || run(stream, requests))).collect();
        running.into_iter().map(|till| till.join().expect("a till")).collect()
    });
    let elapsed = start.elapsed();
    let (times, answers): (Vec<_>, Vec<_>) = done.into_iter().unzip();
    let mut times: Vec<_> = times.into_iter().flatten().collect();
    times.sort();
    (elapsed, times, answers)
}

/// Senders of one message, each over a connection of its own, again and again until it ends.
pub struct Flood {
    stop: Arc<AtomicBool>,
    senders: Vec<JoinHandle<Answered>>,
    start: Instant,
}

/// Messages of a flood that were answered.
#[derive(Clone, Copy, Default)]
struct Answered {
    all: u64,
    /// Those that were told `busy`.
    busy: u64,
}

/// What a flood came to, a second.
pub struct Flooded {
    /// Messages that were answered.
    pub all: f64,
    /// Those for which the server did the public-key work.
    pub opened: f64,
}

impl Flood {
    /// So many senders. They stand for other machines, so they take no more of this one than nobody else wants.
    pub fn start(server: SocketAddr, message: &str, senders: usize) -> Self {
        let (stop, message) = (Arc::new(AtomicBool::new(false)), request(message.to_owned()));
        let senders = (0..senders).map(|_| {
            let (stop, message, mut stream) = (stop.clone(), message.clone(), connect(server));
            std::thread::spawn(move || {
                rustix::process::setpriority_process(None, 19).expect("a priority");
                let (mut buffer, mut chunk, mut answered) = (Vec::new(), vec![0; CHUNK], Answered::default());
                while !stop.load(Ordering::Relaxed) {
                    stream.write_all(&message).expect("sent");
                    let busy = answer(&mut stream, &mut buffer, &mut chunk).contains("\nproblem: busy\n");
                    answered = Answered { all: answered.all + 1, busy: answered.busy + u64::from(busy) };
                }
                answered
            })
        });
        Self { senders: senders.collect(), stop, start: Instant::now() }
    }

    /// Ends it.
    pub fn end(self) -> Flooded {
        self.stop.store(true, Ordering::Relaxed);
        let time = self.start.elapsed().as_secs_f64();
        let senders = self.senders.into_iter().map(|sender| sender.join().expect("a sender"));
        let sum = |sum: Answered, one: Answered| Answered { all: sum.all + one.all, busy: sum.busy + one.busy };
        let Answered { all, busy } = senders.fold(Answered::default(), sum);
        Flooded { all: all as f64 / time, opened: (all - busy) as f64 / time }
    }
}

fn connect(server: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(server).expect("a connection");
    stream.set_nodelay(true).expect("a socket");
    stream
}

fn request(message: String) -> Vec<u8> {
    let head = format!(
        "POST /cybercash HTTP/1.1\r\nhost: bench\r\ncontent-type: application/cybercash\r\ncontent-length: {}\r\n\r\n",
        message.len()
    );
    [head.into_bytes(), message.into_bytes()].concat()
}

fn run(stream: &mut TcpStream, requests: &[Vec<u8>]) -> (Vec<Duration>, Vec<String>) {
    let (mut buffer, mut chunk) = (Vec::with_capacity(1 << 20), vec![0; CHUNK]);
    let one = |request: &Vec<u8>| {
        let start = Instant::now();
        stream.write_all(request).expect("sent");
        let answer = answer(stream, &mut buffer, &mut chunk);
        (start.elapsed(), answer)
    };
    requests.iter().map(one).unzip()
}

/// Reads one answer of a length that is told; a server that is too busy says so in one, too.
fn answer(stream: &mut TcpStream, buffer: &mut Vec<u8>, chunk: &mut [u8]) -> String {
    buffer.clear();
    loop {
        let read = stream.read(chunk).expect("an answer");
        assert!(read > 0, "the server hung up: {}", String::from_utf8_lossy(buffer));
        buffer.extend_from_slice(&chunk[..read]);
        let Some(head) = buffer.windows(4).take(2_048).position(|bytes| bytes == b"\r\n\r\n") else { continue };
        let text = std::str::from_utf8(&buffer[..head]).expect("a head").to_ascii_lowercase();
        assert!(text.starts_with("http/1.1 200") || text.starts_with("http/1.1 503"), "{text}");
        let length = text.lines().find_map(|line| line.strip_prefix("content-length: ")).expect("a length");
        let end = head + 4 + length.parse::<usize>().expect("a length");
        if buffer.len() >= end {
            return String::from_utf8(buffer[head + 4..end].to_vec()).expect("a message");
        }
    }
}
