//! HTTP/1.1 as bytes: as much of it as it takes to pass messages on, and to damage them.

use std::io::{Error, ErrorKind, Result};
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// No request and no asset of ours is larger.
const MAX_BYTES: u64 = 16 * 1024 * 1024;
/// Between head and body.
const BLANK: &[u8] = b"\r\n\r\n";

/// A request or a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// First line and headers, without the blank line.
    head: String,
    /// What follows.
    pub body: Vec<u8>,
}

impl Message {
    /// Reads a request; its connection is used for no other one.
    ///
    /// # Errors
    /// The connection ended before it was whole.
    pub async fn request(stream: &mut TcpStream) -> Result<Self> {
        let mut bytes = Vec::new();
        let mut stream = stream.take(MAX_BYTES);
        let end = loop {
            if let Some(end) = bytes.windows(BLANK.len()).position(|window| window == BLANK) {
                break end;
            }
            if stream.read_buf(&mut bytes).await? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        };
        let mut body = bytes.split_off(end + BLANK.len());
        bytes.truncate(end);
        let head = String::from_utf8(bytes).map_err(Error::other)?;
        let mut message = Self { head, body: Vec::new() };
        let length = message.header("content-length").map_or(Ok(0), str::parse::<usize>).map_err(Error::other)?;
        while body.len() < length {
            if stream.read_buf(&mut body).await? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
        message.body = body;
        Ok(message.closing())
    }

    /// A response of our own.
    pub fn response(status: &str, media_type: &str, body: &str) -> Self {
        let length = body.len();
        let head =
            format!("HTTP/1.1 {status}\r\ncontent-type: {media_type}\r\ncontent-length: {length}\r\nconnection: close");
        Self { head, body: body.as_bytes().to_vec() }
    }

    /// The first line.
    pub fn line(&self) -> &str {
        self.head.split("\r\n").next().unwrap_or_default()
    }

    /// The value of a header; `name` in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head
            .split("\r\n")
            .skip(1)
            .filter_map(|line| line.split_once(':'))
            .find_map(|(found, value)| found.eq_ignore_ascii_case(name).then(|| value.trim()))
    }

    /// Everything, as it travels.
    pub fn bytes(&self) -> Vec<u8> {
        [self.head.as_bytes(), BLANK, &self.body].concat()
    }

    /// The same with another body, and its true length.
    pub fn with_body(&self, body: Vec<u8>) -> Self {
        let length = body.len();
        let head = format!("{}\r\ncontent-length: {length}", self.without("content-length").head);
        Self { head, body }
    }

    /// The same without its second half, in good order.
    pub fn shortened(&self) -> Self {
        self.with_body(self.body[..self.body.len() / 2].to_vec())
    }

    /// The same with one bit flipped, two thirds of the way down its body.
    pub fn garbled(&self) -> Self {
        let mut garbled = self.clone();
        let at = garbled.body.len() * 2 / 3;
        if let Some(byte) = garbled.body.get_mut(at) {
            *byte ^= 1;
        }
        garbled
    }

    /// The same as the last of its connection.
    fn closing(&self) -> Self {
        Self { head: self.without("connection").head + "\r\nconnection: close", body: self.body.clone() }
    }

    fn without(&self, name: &str) -> Self {
        let is_other = |line: &&str| !line.split_once(':').is_some_and(|(found, _)| found.eq_ignore_ascii_case(name));
        let head = self.head.split("\r\n").filter(is_other).collect::<Vec<_>>().join("\r\n");
        Self { head, body: self.body.clone() }
    }

    /// Sends it as a request, and reads what comes back until the other side is done.
    ///
    /// # Errors
    /// Nobody listens there, or what comes back is no response.
    pub async fn ask(&self, address: SocketAddr) -> Result<Self> {
        let mut stream = TcpStream::connect(address).await?;
        stream.write_all(&self.bytes()).await?;
        let mut bytes = Vec::new();
        stream.take(MAX_BYTES).read_to_end(&mut bytes).await?;
        let end = bytes.windows(BLANK.len()).position(|window| window == BLANK);
        let end = end.ok_or_else(|| Error::from(ErrorKind::UnexpectedEof))?;
        let body = bytes.split_off(end + BLANK.len());
        bytes.truncate(end);
        Ok(Self { head: String::from_utf8(bytes).map_err(Error::other)?, body })
    }

    /// Sends half of it, and hangs up.
    ///
    /// # Errors
    /// Nobody listens there.
    pub async fn ask_half(&self, address: SocketAddr) -> Result<()> {
        let bytes = self.bytes();
        let half = bytes.len() - self.body.len() / 2;
        TcpStream::connect(address).await?.write_all(&bytes[..half]).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_body_has_its_own_length() {
        let message = Message::response("200 OK", "text/plain", "eleven long");
        assert_eq!(message.header("content-length"), Some("11"));
        let short = message.shortened();
        assert_eq!((short.header("content-length"), &*short.body), (Some("5"), &b"eleve"[..]));
        assert_ne!(message.garbled(), message);
        assert_eq!(message.garbled().header("content-length"), Some("11"));
    }
}
