//! The page's half: reads an offer before it is handed to a wallet, so that a shop learns of its own mistakes at once.

#[cfg(target_arch = "wasm32")]
mod binding;

use protocol::FormFault;
use protocol::offer::Offer;
use serde::Serialize;
use thiserror::Error;

/// The largest offer that is handed to a wallet; its note may be 2,000 characters, its URLs four times 2,048.
pub const MAX_OFFER_BYTES: usize = 64 * 1024;

/// What the page shows of an offer and follows after it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OfferView {
    /// The merchant's persona id.
    pub merchant: String,
    /// The order id.
    pub order: String,
    /// The signed price, as the protocol writes it: `usd 42.50`.
    pub amount: String,
    /// Where the wallet pays; opened as a page it is the hosted payment page.
    pub pay_to: String,
    /// Where to go when it is paid.
    pub success: String,
    /// Where to go when it failed.
    pub failure: String,
    /// Where to go when the shopper said no.
    pub cancel: String,
}

/// Why an offer is not handed to a wallet.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum OfferFault {
    /// Larger than any offer.
    #[error("the offer is larger than {MAX_OFFER_BYTES} bytes")]
    TooLarge,
    /// Not of its form.
    #[error("the offer is not of its form: {0}")]
    Form(#[from] FormFault),
    /// One of its addresses is not of the page's origin.
    #[error("{label} has the origin {found}, this page has {expected}")]
    ForeignOrigin {
        /// Which address.
        label: &'static str,
        /// The page's.
        expected: String,
        /// The address's.
        found: String,
    },
}

impl OfferFault {
    /// What the page tells its scripts: a code of docs/page-channel.md.
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooLarge | Self::Form(_) => "form",
            Self::ForeignOrigin { .. } => "origin",
        }
    }
}

/// Reads an offer as the wallet will: form, and that all of its addresses have the page's origin.
///
/// # Errors
/// See [`OfferFault`].
pub fn check_offer(bytes: &[u8], page_origin: &str) -> Result<OfferView, OfferFault> {
    if bytes.len() > MAX_OFFER_BYTES {
        return Err(OfferFault::TooLarge);
    }
    let request = Offer::read(bytes)?.request;
    let addresses = [
        ("url-pay-to", &request.url_pay_to),
        ("url-success", &request.url_success),
        ("url-failure", &request.url_failure),
        ("url-cancel", &request.url_cancel),
    ];
    if let Some((label, url)) = addresses.into_iter().find(|(_, url)| url.origin() != page_origin) {
        return Err(OfferFault::ForeignOrigin { label, expected: page_origin.to_owned(), found: url.origin() });
    }
    Ok(OfferView {
        merchant: request.merchant_id.to_string(),
        order: request.order_id.to_string(),
        amount: request.amount.to_string(),
        pay_to: request.url_pay_to.to_string(),
        success: request.url_success.to_string(),
        failure: request.url_failure.to_string(),
        cancel: request.url_cancel.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offer(file: &str) -> String {
        let json: serde_json::Value = serde_json::from_str(file).expect("a vector file");
        json["payment"]["pr1"].as_str().expect("an offer").to_owned()
    }

    fn offers() -> [String; 2] {
        [
            offer(include_str!("../../../tests/vectors/classic.json")),
            offer(include_str!("../../../tests/vectors/modern.json")),
        ]
    }

    #[test]
    fn an_offer_of_the_page_is_shown() {
        for offer in offers() {
            let view = check_offer(offer.as_bytes(), "https://www.acme.example").expect("an offer of this page");
            assert_eq!((view.merchant.as_str(), view.amount.as_str()), ("acme-82", "usd 42.50"));
            assert_eq!(view.success, "https://www.acme.example/ok");
        }
    }

    #[test]
    fn an_offer_of_another_origin_is_refused() {
        for offer in offers() {
            for page in ["https://acme.example", "http://www.acme.example", "https://www.acme.example:8443", "null"] {
                let refused = check_offer(offer.as_bytes(), page);
                let refused = refused.expect_err("a foreign page");
                assert!(matches!(refused, OfferFault::ForeignOrigin { label: "url-pay-to", .. }), "{page}");
                assert_eq!(refused.code(), "origin");
            }
        }
    }

    #[test]
    fn a_damaged_offer_is_refused() {
        for offer in offers() {
            let damaged = offer.replace("rocket", "racket").replace("Rocket", "Racket");
            let refused = check_offer(damaged.as_bytes(), "https://www.acme.example");
            assert_eq!(refused, Err(OfferFault::Form(FormFault::Checksum)));
        }
        assert_eq!(check_offer(&vec![b' '; MAX_OFFER_BYTES + 1], "x"), Err(OfferFault::TooLarge));
    }
}
