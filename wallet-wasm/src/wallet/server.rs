//! What a payment server says of itself, before anything is sealed to it.

use protocol::Protocol;
use protocol::keys::Published;
use protocol::store::Store;
use protocol::value::Url;
use wallet_messages::{AgreementView, ServerFacts};

use super::Wallet;
use super::step::is_historic;
use crate::fault::WalletFault;
use crate::json;
use crate::world::World;

/// The longest URL of a server, bytes: a path goes behind it, and together they may have 2,048.
const LONGEST: usize = 1_024;

/// The server's URL as it is stored: of an allowed form, without a slash at its end.
///
/// # Errors
/// It is not of an allowed form.
pub fn normalised(typed: &str) -> Result<String, WalletFault> {
    let typed = typed.trim().trim_end_matches('/');
    let with_scheme = if typed.contains("://") { typed.to_owned() } else { format!("https://{typed}") };
    let plain = Some(with_scheme).filter(|url| url.len() <= LONGEST && !url.contains(['?', '#']));
    let url = plain.and_then(|url| Url::of(&url)).ok_or(WalletFault::FieldForm("server"))?;
    Ok(url.into_string())
}

impl<S: Store, W: World> Wallet<S, W> {
    /// What a server offers.
    ///
    /// # Errors
    /// It cannot be reached, or has no key that we can use.
    pub async fn look_up(&self, server: &str) -> Result<ServerFacts, WalletFault> {
        let server = normalised(server)?;
        let published = self.published(&server).await?;
        let protocol: Protocol = published.best_key().ok_or(WalletFault::ServerUnreachable)?.protocol;
        let view = |agreement: &protocol::keys::Agreement| AgreementView {
            number: agreement.number,
            title: agreement.title.clone(),
            url: agreement.url.clone(),
        };
        Ok(ServerFacts {
            server,
            historic_cipher: is_historic(protocol),
            currencies: published.currencies.clone(),
            agreements: published.agreements.iter().map(view).collect(),
        })
    }

    pub(super) async fn published(&self, server: &str) -> Result<Published, WalletFault> {
        let bytes = self.world.get(&format!("{server}/cybercash/keys")).await.ok_or(WalletFault::ServerUnreachable)?;
        json::read(&bytes).map_err(|_| WalletFault::ServerUnreachable)
    }
}
