//! The payment server as the till sees it (protocol.md section 7).

use std::time::Duration;

use protocol::envelope::{MAX_MESSAGE_BYTES, MEDIA_TYPE};
use protocol::keys::Published;
use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, Response, Url, redirect};
use thiserror::Error;

/// Longest wait for a connection.
const CONNECT: Duration = Duration::from_secs(5);
/// Longest wait for a whole answer; the largest collection takes the server far less.
const ANSWER: Duration = Duration::from_secs(30);

/// Why the server gave no answer. Nothing is known of what it did.
#[derive(Debug, Error)]
pub enum ServerFault {
    /// The address is none.
    #[error("{0} is not the address of a server")]
    Address(String),
    /// No connection, or none that lasted.
    #[error("the server does not answer: {0}")]
    Unreachable(#[from] reqwest::Error),
    /// An answer, but no message.
    #[error("the server answered HTTP {0}")]
    Status(u16),
    /// An answer longer than any message.
    #[error("the server's answer is longer than {MAX_MESSAGE_BYTES} bytes")]
    TooLong,
    /// Keys that are none.
    #[error("the server's keys cannot be read: {0}")]
    Keys(#[from] serde_json::Error),
}

/// A payment server.
#[derive(Clone, Debug)]
pub struct Server {
    client: Client,
    messages: Url,
    keys: Url,
}

impl Server {
    /// The server at an address such as `https://pay.example` (field 315B).
    ///
    /// # Errors
    /// Not such an address.
    pub fn at(address: &str) -> Result<Self, ServerFault> {
        let fault = || ServerFault::Address(address.to_owned());
        let base = protocol::value::Url::of(address).ok_or_else(fault)?;
        let base = base.as_str().trim_end_matches('/');
        let url = |path: &str| Url::parse(&format!("{base}/{path}")).map_err(|_| fault());
        let client = Client::builder().no_proxy().redirect(redirect::Policy::none());
        let client = client.connect_timeout(CONNECT).timeout(ANSWER).build()?;
        Ok(Self { client, messages: url("cybercash")?, keys: url("cybercash/keys")? })
    }

    /// Its keys, currencies and agreements.
    ///
    /// # Errors
    /// No answer, or none that can be read.
    pub async fn published(&self) -> Result<Published, ServerFault> {
        let response = self.client.get(self.keys.clone()).send().await?;
        if !response.status().is_success() {
            return Err(ServerFault::Status(response.status().as_u16()));
        }
        Ok(serde_json::from_slice(&body(response).await?)?)
    }

    /// Sends a message and gives back the one that answers it.
    ///
    /// # Errors
    /// No answer, or one that is no message.
    pub async fn send(&self, message: &str) -> Result<Vec<u8>, ServerFault> {
        let request = self.client.post(self.messages.clone()).header(CONTENT_TYPE, MEDIA_TYPE);
        let response = request.body(message.to_owned()).send().await?;
        let media = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        if media.split(';').next().map(str::trim) != Some(MEDIA_TYPE) {
            return Err(ServerFault::Status(response.status().as_u16()));
        }
        body(response).await
    }
}

/// Reads no more than a message may hold.
async fn body(mut response: Response) -> Result<Vec<u8>, ServerFault> {
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if bytes.len() + chunk.len() > MAX_MESSAGE_BYTES {
            return Err(ServerFault::TooLong);
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}
